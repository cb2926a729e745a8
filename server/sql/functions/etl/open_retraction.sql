-- Creates the session's work tables for taking events back; every commit empties them.
create or replace function etl.open_retraction() returns void language plpgsql as $$
begin
  -- the last of the tables below
  if to_regclass('pg_temp.retracted_totals') is not null then return; end if;
  create temporary table if not exists retracted_events (
    occurred_at timestamptz not null, event_type text not null, product_key text, amount numeric, currency text, items json
  ) on commit delete rows;
  create temporary table if not exists retracted_products (
    hour int not null, day int not null, product_id int not null, action smallint not null, currency smallint, amount numeric
  ) on commit delete rows;
  create temporary table if not exists retracted_facts (
    minute int not null, hour int not null, event_type int not null, service_id int not null, action smallint not null,
    currency smallint, amount numeric, user_id int not null
  ) on commit delete rows;
  create temporary table retracted_totals (
    size smallint not null, bucket int not null, events bigint not null, users int not null, sessions int not null,
    converted int not null
  ) on commit delete rows;
end $$;

-- Creates the session's work tables: they stay for the session, every commit empties them, and they write no
-- WAL.
create or replace function etl.open_batch() returns void language plpgsql as $$
begin
  -- the last of the tables below
  if to_regclass('pg_temp.batch_users') is not null then return; end if;
  -- `if not exists`: sessions that began before an upgrade may have these
  create temporary table if not exists batch (
    occurred_at timestamptz not null, received_at timestamptz not null, xid xid8 not null,
    minute int not null, hour int not null, day int not null,
    service_id int not null, event_type int, action smallint, user_id int, product_id int, currency smallint,
    amount numeric, items json,
    event_type_name text not null, user_key text, product_key text, currency_code text,
    -- only of events whose product has no name yet
    format smallint, payload text,
    -- only in batches of Spark
    event_id uuid
  ) on commit delete rows;
  create temporary table if not exists batch_products (
    hour int not null, day int not null, action smallint not null, product_id int, currency smallint, amount numeric,
    product_key text, format smallint, payload text
  ) on commit delete rows;
  create temporary table if not exists batch_carts (
    user_id int not null, occurred_at timestamptz not null, view_day int, last_view_at timestamptz
  ) on commit delete rows;
  create temporary table batch_users (
    user_id int not null, first timestamptz not null, last timestamptz not null,
    events int not null, purchases int not null,
    -- the user's latest session that begins at most 30 minutes after the last of these events
    session tid, started_at timestamptz, ended_at timestamptz,
    -- the events are one run by themselves, and of all sessions only that one can be near
    simple bool not null
  ) on commit delete rows;
end $$;

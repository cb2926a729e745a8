-- Creates the partitions of [first, last] before their days begin; returns how many. A day with rows in the
-- default partition stays there, because moving them would block readers. Runs with the rights of the tables'
-- owner.
create or replace function etl.ensure_facts_partitions(first date, last date) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  made int := 0;
  day date;
  starts timestamptz;
begin
  for day in select d::date from generate_series(first, last, interval '1 day') d
             where to_regclass('analytics.facts_' || to_char(d, 'YYYYMMDD')) is null loop
    perform pg_advisory_xact_lock(hashtext('etl.ensure_facts_partitions'));
    starts := day::timestamp at time zone 'UTC';
    continue when exists (
      select from analytics.facts_default where occurred_at >= starts and occurred_at < starts + interval '24 hours');
    execute format('create table if not exists analytics.%I partition of analytics.facts for values from (%L) to (%L)',
      'facts_' || to_char(day, 'YYYYMMDD'), starts, starts + interval '24 hours');
    made := made + 1;
  end loop;
  return made;
end $$;

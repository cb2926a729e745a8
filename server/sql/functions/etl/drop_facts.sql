-- Drops the partitions of facts that end at or before `before`; returns their names. Windows are kept. Facts are
-- dropped together with their raw events, so that no query finds one without the other. Waits at most half a second
-- for locks (55P03), because the live ETL queues behind it.
create or replace function etl.drop_facts(before timestamptz) returns text[] language plpgsql as $$
declare
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in
    select c.relname
    from pg_inherits h
    join pg_class c on c.oid = h.inhrelid
    where h.inhparent = 'analytics.facts'::regclass and c.relname ~ '^facts_\d{8}$'
      and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= before
    order by c.relname
  loop
    execute format('drop table analytics.%I', name);
    dropped := dropped || name;
  end loop;
  return dropped;
end $$;

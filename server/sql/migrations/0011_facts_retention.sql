-- Facts of days whose raw events retention has dropped: nothing can be asked of the one without the
-- other, and windows stay. Drops the partitions that end at or before `before` and answers their names;
-- waits for locks half a second at most (55P03), as the live ETL queues up behind it.
create function etl.drop_facts(before timestamptz) returns text[] language plpgsql as $$
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

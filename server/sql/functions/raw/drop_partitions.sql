-- Drops the days of the log that end at or before `before`; returns their names. A day with events that were received
-- later is kept: PostgreSQL's clock was behind when it dated them. Waits at most half a second for locks (55P03),
-- because all writers queue behind it: the caller retries later.
create or replace function raw.drop_partitions(before timestamptz) returns text[] language plpgsql as $$
declare
  later xid8 := clock.first_xid_since(before);
  is_needed boolean;
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in select raw.partitions_before(before) loop
    -- ids from xmax on are of another server, before a restore
    execute format('select exists (select from raw.%I where xid >= $1 and xid < pg_snapshot_xmax(pg_current_snapshot()))', name)
    into is_needed using later;
    continue when is_needed;
    execute format('drop table raw.%I', name);
    dropped := dropped || name;
    insert into raw.dropped (until) values (to_date(right(name, 8), 'YYYYMMDD') + 1)
    on conflict (only_row) do update set until = greatest(raw.dropped.until, excluded.until);
  end loop;
  return dropped;
end $$;

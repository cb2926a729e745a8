-- Drops the days of the log that end at or before `before`; returns their names. Waits at most half a second
-- for locks (55P03), because all writers queue behind it: the caller retries later.
create or replace function raw.drop_partitions(before timestamptz) returns text[] language plpgsql as $$
declare
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in select raw.partitions_before(before) loop
    execute format('drop table raw.%I', name);
    dropped := dropped || name;
  end loop;
  return dropped;
end $$;

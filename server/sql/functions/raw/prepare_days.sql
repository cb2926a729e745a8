-- Creates the partitions of today (UTC) and of `ahead` days after it. The ingest role may call it: when no
-- process has created a day in time, the first group of events of that day does.
create or replace function raw.prepare_days(ahead int) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  for n in 0 .. least(greatest(ahead, 0), 31) loop
    perform raw.ensure_partition((now() at time zone 'UTC')::date + n);
  end loop;
end $$;

grant execute on function raw.prepare_days to weir_ingest;

-- Creates the partition of a day (UTC) when it is missing. Safe to call from several processes at once, as
-- happens at the first start: after waiting for the lock it checks the catalog, not `to_regclass`, which uses the
-- session's cache. The cached answer lacked the new partition, so the function created it again and failed.
create or replace function raw.ensure_partition(day date) returns void language plpgsql as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('raw.' || name) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  if exists (select from pg_class where relnamespace = 'raw'::regnamespace and relname = name) then return; end if;
  -- `create table ... partition of` would block all writers of the log and wait for every reader; `attach`
  -- waits for neither
  execute format('create table raw.%I (like raw.events including defaults)', name);
  perform raw.set_upkeep(('raw.' || name)::regclass);
  -- readers skip days that old unless a trigger records the write: the new day gets that trigger
  if (day + 1)::timestamp at time zone 'UTC' <= (select since from log.open_days) then
    perform log.close_day(('raw.' || name)::regclass);
  end if;
  execute format(
    'alter table raw.events attach partition raw.%I for values from (%L) to (%L)',
    name,
    (day::timestamp at time zone 'UTC'),
    ((day + 1)::timestamp at time zone 'UTC')
  );
end $$;

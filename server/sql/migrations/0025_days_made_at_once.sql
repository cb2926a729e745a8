-- Two sessions may make the same day at the same time, as two processes do at the first start. The one that has
-- waited for the lock asks the catalog's table and not `to_regclass`, which answers from what the session remembers
-- of before it waited: it found no day, made it once more, and failed.
create or replace function raw.ensure_partition(day date) returns void language plpgsql as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('raw.' || name) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  if exists (select from pg_class where relnamespace = 'raw'::regnamespace and relname = name) then return; end if;
  -- `create table ... partition of` would lock the whole log against its writers and wait for every
  -- reader; `attach` waits for none of them
  execute format('create table raw.%I (like raw.events including defaults)', name);
  perform raw.set_upkeep(('raw.' || name)::regclass);
  execute format(
    'alter table raw.events attach partition raw.%I for values from (%L) to (%L)',
    name,
    (day::timestamp at time zone 'UTC'),
    ((day + 1)::timestamp at time zone 'UTC')
  );
end $$;

-- Fixes what etl.stage_rerun found in this session, in a transaction that holds the position. Returns
--   applied   the hour is right, or was
--   outdated  an erasure or another rerun has changed the day since: stage the hour again
--   extended  an event since then extends a session of the hour beyond what was staged: stage it again
--
-- `worker_epoch`: of the worker of the built-in ETL; null for a caller with a fence of its own.
create or replace function etl.apply_rerun(worker_epoch bigint, hour int) returns text language plpgsql
set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  current log.readers;
  staged record;
begin
  select * into staged from rerun_staged;
  if staged.hour is distinct from hour then raise exception 'hour % is not staged in this session', hour; end if;
  if not staged.changed then return 'applied'; end if;
  select * into current from log.readers where name = 'windows' for no key update;
  perform etl.demand_raw_events(hour);
  if etl.was_retracted(hour, staged.seen) or etl.day_revision(hour) <> staged.revision then return 'outdated'; end if;
  if not etl.apply_hour(coalesce(worker_epoch, current.epoch), hour, staged.reader) then return 'extended'; end if;
  insert into etl.day_revisions as r (day, revision) values (floor(hour / 24::float8)::int, 1)
  on conflict (day) do update set revision = r.revision + 1;
  return 'applied';
end $$;

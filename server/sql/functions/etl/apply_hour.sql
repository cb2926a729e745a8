-- Locks the reader's position and fixes what compare_hour found. Returns false when an event that arrived
-- in between extends a session of the hour beyond what was staged: the hour must then be staged again.
create or replace function etl.apply_hour(worker_epoch bigint, hour int, staged log.readers) returns boolean
language plpgsql set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  current log.readers;
  noted int[] := array(select user_id from rerun_users);
begin
  select * into current from log.readers where name = 'windows' for no key update;
  if current.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, current.epoch using errcode = 'WF001';
  end if;

  perform etl.stage_events_since(staged, current."position", hour, noted);
  if exists (
    select from etl.staged_sessions(hour, true) s left join rerun_covered c on c.user_id = s.user_id
    where c.until is null or s.ended_at >= c.until - interval '30 minutes'
  ) then
    return false;
  end if;
  -- late events may have changed what lies before the hour
  delete from rerun_last_views where user_id = any (noted);
  perform etl.stage_last_views(hour);

  perform etl.apply_facts(hour);
  perform etl.apply_sums();
  perform etl.apply_users(hour, noted);
  perform etl.apply_totals();
  return true;
end $$;

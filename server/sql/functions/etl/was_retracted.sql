-- Whether an erasure has changed what a rerun staged of the hour in the snapshot `seen`. Hold the position of the
-- windows.
create or replace function etl.was_retracted(hour int, seen pg_snapshot) returns boolean language plpgsql
set enable_seqscan = off as $$
#variable_conflict use_variable
begin
  return exists (select from etl.retractions r where r.hour = hour and not pg_visible_in_snapshot(r.xid, seen))
    or exists (
      select from etl.retired_users u
      where not pg_visible_in_snapshot(u.xid, seen)
        and u.user_id = any (array(select user_id from rerun_users union select user_id from wrong_facts)));
end $$;

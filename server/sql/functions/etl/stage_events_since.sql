-- Adds the raw events of some users that were folded after staging to the staged ones: up to the position `until`, or by
-- Spark beyond it, without those that it had folded before (rerun_folded).
create or replace function etl.stage_events_since(staged log.readers, until pg_snapshot, hour int, noted int[])
returns void language plpgsql as $$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
  unread_since timestamptz := log.since(staged.position, staged.since);
  had_folded boolean := exists (select from rerun_folded);
  has_folded boolean := exists (select from engine.folded);
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= starts and r.occurred_at < ends, u.id, null, null, r.service_id, t.action, null, null, null
  from log.unread(staged.position, case when has_folded then pg_current_snapshot() else until end, unread_since, null) r
  join analytics.users u on u.key = r.user_key
  join analytics.event_types t on t.name = r.event_type
  where u.id = any (noted)
    and (not had_folded or (
      select true from rerun_folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null)
    and (not has_folded or pg_visible_in_snapshot(r.xid, until) or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id));
end $$;

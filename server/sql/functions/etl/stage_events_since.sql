-- Adds the raw events of some users that were read after staging, up to the position `until`, to the staged ones.
create or replace function etl.stage_events_since(staged etl.cursors, until pg_snapshot, hour int, noted int[])
returns void language plpgsql as $$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
  running xid8[] := array(select pg_snapshot_xip(staged."position"));
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= starts and r.occurred_at < ends, u.id, null, null, r.service_id, t.action, null, null, null
  from (
    select * from raw.events where xid = any (running) and received_at >= staged.read_at - interval '1 hour'
    union all
    select * from raw.events where xid >= pg_snapshot_xmax(staged."position") and received_at >= staged.read_at - interval '1 hour'
  ) r
  join analytics.users u on u.key = r.user_key
  join analytics.event_types t on t.name = r.event_type
  where pg_visible_in_snapshot(r.xid, until) and u.id = any (noted);
end $$;

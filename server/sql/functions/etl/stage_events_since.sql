-- Adds the raw events of some users that were read after staging, up to the position `until`, to the staged ones.
create or replace function etl.stage_events_since(staged log.readers, until pg_snapshot, hour int, noted int[])
returns void language plpgsql as $$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
  unread_since timestamptz := log.since(staged.position, staged.since);
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= starts and r.occurred_at < ends, u.id, null, null, r.service_id, t.action, null, null, null
  from log.unread(staged.position, until, unread_since, null) r
  join analytics.users u on u.key = r.user_key
  join analytics.event_types t on t.name = r.event_type
  where u.id = any (noted);
end $$;

-- Fills wrong_counts: differences of event counts. The day's rows are correct when they are the sum of its hours,
-- with this hour corrected; the other measures follow the same rule.
create or replace function etl.compare_counts(hour int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  create temporary table wrong_counts as
  with hours as (
    select 1::smallint as size, etl.minute_of(occurred_at) as bucket, event_type, service_id, 1 as events from rerun_events where inside
    union all select 2, hour, event_type, service_id, 1 from rerun_events where inside
    union all select size, bucket, event_type, service_id, -events from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (select size, bucket, event_type, service_id, sum(events) as events from hours group by 1, 2, 3, 4)
  select size, bucket, event_type, service_id, sum(events)::bigint as events from (
    select * from off
    union all select 3, day, event_type, service_id, events from off where size = 2
    union all select 3, day, event_type, service_id, events from analytics.window_counts
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, event_type, service_id, -events from analytics.window_counts where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(events) <> 0;
end $$;

-- Fills wrong_totals: differences of events per window, and errors of the counters of users and sessions against
-- the rows that they count. Needs wrong_counts.
create or replace function etl.compare_totals(hour int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table wrong_totals as
  with expected as (
    select size, bucket, events, 0::bigint as users, 0::bigint as sessions, 0::bigint as converted from wrong_counts
    union all select size, bucket, sum(events), 0, 0, 0 from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
    group by 1, 2
    union all select 1, m, 0, count(*), 0, 0 from analytics.user_hours u cross join generate_series(60 * hour, 60 * hour + 59) m
    where u.hour = hour and (minutes >> (m - 60 * hour)) & 1 = 1 group by m
    union all select 2, hour, 0, count(*), 0, 0 from analytics.user_hours u where u.hour = hour
    union all select 3, day, 0, count(*), 0, 0 from analytics.user_months
    where month = etl.month_of_day(day) and days & etl.bit_of_day(day) <> 0
    union all
    select size, bucket, 0, 0, count(*), count(*) filter (where purchases > 0)
    from analytics.sessions cross join lateral (
      values (1::smallint, etl.minute_of(started_at)), (2::smallint, hour)) v (size, bucket)
    where started_at >= starts and started_at < ends group by 1, 2
    union all
    select 3, day, 0, 0, count(*), count(*) filter (where purchases > 0) from analytics.sessions
    where started_at >= etl.start_of_hour(24 * day) and started_at < etl.start_of_hour(24 * day + 24)
    union all
    select size, bucket, -events, -users, -sessions, -converted_sessions from analytics.window_totals
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
  )
  select size, bucket, sum(events)::bigint as events, sum(users)::int as users, sum(sessions)::int as sessions,
    sum(converted)::int as converted_sessions from expected group by 1, 2
  having sum(events) <> 0 or sum(users) <> 0 or sum(sessions) <> 0 or sum(converted) <> 0;
end $$;

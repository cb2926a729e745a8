-- Adds what the current rows of the users in `noted` count for, times `sign`, to the differences of the totals.
create or replace function etl.replace_users(hour int, noted int[], sign int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  insert into wrong_totals (size, bucket, events, users, sessions, converted_sessions)
  select size, bucket, 0, sign * sum(users), sign * sum(sessions), sign * sum(converted) from (
    select 1 as size, m as bucket, count(*) as users, 0 as sessions, 0 as converted
    from analytics.user_hours u cross join generate_series(60 * hour, 60 * hour + 59) m
    where u.hour = hour and u.user_id = any (noted) and (minutes >> (m - 60 * hour)) & 1 = 1 group by m
    union all select 2, hour, count(*), 0, 0 from analytics.user_hours u where u.hour = hour and u.user_id = any (noted)
    union all select 3, day, count(*), 0, 0 from analytics.user_months m
    where m.month = etl.month_of_day(day) and m.user_id = any (noted) and days & etl.bit_of_day(day) <> 0
    union all select size, bucket, 0, count(*), count(*) filter (where purchases > 0) from analytics.sessions
    cross join lateral (values (1, etl.minute_of(started_at)), (2, hour), (3, day)) v (size, bucket)
    where user_id = any (noted) and started_at >= etl.start_of_hour(hour) and started_at < etl.start_of_hour(hour + 1)
    group by 1, 2
  ) c group by 1, 2;
end $$;

-- The last day up to `day` on which the user viewed a product; no row when there is none.
create or replace function etl.last_view_day(viewer int, day int) returns table (view_day int) language sql stable as $$
  select make_date(month / 12, month % 12 + 1, 1) - date '1970-01-01' + 32 - position(B'1' in view_days_until::bit(32))
  from analytics.user_months m cross join lateral (
    select case when month = etl.month_of_day(day)
      then m.view_days & (2::bigint * etl.bit_of_day(day) - 1)::int else m.view_days end as view_days_until) v
  where user_id = viewer and month <= etl.month_of_day(day) and view_days_until <> 0
  order by month desc limit 1
$$;

-- Compares the staged hour with the analytics, in the caller's snapshot, and fills the tables wrong_* with the
-- differences. Returns the number of raw events of the hour.
create or replace function etl.compare_hour(hour int) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table wrong_facts as
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, sum(n) as n from (
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, 1 as n from rerun_events where inside
    union all
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, -1 from analytics.facts
    where occurred_at >= starts and occurred_at < ends
  ) f group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(n) <> 0;

  -- the day's own rows are right when they are the sum of its hours, this one corrected
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

  create temporary table wrong_revenue as
  with hours as (
    select size, bucket, service_id, currency,
      case when action = 3 then amount else 0 end as revenue, (action = 3)::int as orders,
      case when action = 4 then abs(amount) else 0 end as refunds, (action = 4)::int as refund_count
    from rerun_events cross join lateral (values (1::smallint, etl.minute_of(occurred_at)), (2::smallint, hour)) v (size, bucket)
    where inside and action in (3, 4) and amount is not null
    union all
    select size, bucket, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (
    select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders) as orders, sum(refunds) as refunds,
      sum(refund_count) as refund_count from hours group by 1, 2, 3, 4
  )
  select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders)::bigint as orders,
    sum(refunds) as refunds, sum(refund_count)::bigint as refund_count from (
    select * from off
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from off where size = 2
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from analytics.window_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0 or sum(orders) <> 0 or sum(refunds) <> 0 or sum(refund_count) <> 0;

  create temporary table wrong_product_windows as
  with hours as (
    select product_id, (action = 1)::int as views, (action = 2)::int as carts, (action = 3)::int as purchases from rerun_products
    union all select product_id, -views, -carts, -purchases from analytics.product_windows where size = 2 and bucket = hour
  ), off as (
    select 2::smallint as size, hour as bucket, product_id, sum(views) as views, sum(carts) as carts, sum(purchases) as purchases
    from hours group by 3
  )
  select size, bucket, product_id, sum(views)::int as views, sum(carts)::int as carts, sum(purchases)::int as purchases from (
    select * from off
    union all select 3, day, product_id, views, carts, purchases from off
    union all select 3, day, product_id, views, carts, purchases from analytics.product_windows
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, -views, -carts, -purchases from analytics.product_windows where size = 3 and bucket = day
  ) d group by 1, 2, 3 having sum(views) <> 0 or sum(carts) <> 0 or sum(purchases) <> 0;

  create temporary table wrong_product_revenue as
  with hours as (
    select product_id, currency, amount as revenue from rerun_products
    where action = 3 and amount is not null and currency is not null
    union all select product_id, currency, -revenue from analytics.product_revenue where size = 2 and bucket = hour
  ), off as (select 2::smallint as size, hour as bucket, product_id, currency, sum(revenue) as revenue from hours group by 3, 4)
  select size, bucket, product_id, currency, sum(revenue) as revenue from (
    select * from off
    union all select 3, day, product_id, currency, revenue from off
    union all select 3, day, product_id, currency, revenue from analytics.product_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, currency, -revenue from analytics.product_revenue where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0;

  create temporary table rerun_hours as select * from etl.staged_user_hours(hour, false);
  create temporary table rerun_sessions as select * from etl.staged_sessions(hour, false);
  create temporary table rerun_key_facts as select * from etl.staged_key_facts(hour, false);
  insert into rerun_users
  select coalesce(n.user_id, o.user_id) from rerun_hours n
  full join (select user_id, minutes from analytics.user_hours u where u.hour = hour) o using (user_id)
  where n.minutes is distinct from o.minutes
  union
  select coalesce(n.user_id, o.user_id) from rerun_sessions n
  full join (select * from analytics.sessions where started_at >= starts and started_at < ends) o using (user_id, started_at)
  where (n.ended_at, n.events, n.purchases) is distinct from (o.ended_at, o.events, o.purchases)
  union
  select coalesce(n.user_id, o.user_id) from rerun_key_facts n
  full join (select * from analytics.key_facts where occurred_at >= starts and occurred_at < ends) o using (user_id, occurred_at, action)
  where n.user_id is null or o.user_id is null or n.last_view_at is distinct from o.last_view_at
  union
  select coalesce(n.user_id, o.user_id) from (
    select user_id, bit_or(minutes) >> 60 & 1 = 1 as viewed from (
      select user_id, minutes from rerun_hours
      union all select user_id, minutes from analytics.user_hours u
      where u.hour between 24 * day and 24 * day + 23 and u.hour <> hour) h group by 1
  ) n full join (
    select user_id, view_days & etl.bit_of_day(day) <> 0 as viewed from analytics.user_months
    where month = etl.month_of_day(day) and (days | view_days) & etl.bit_of_day(day) <> 0
  ) o using (user_id) where n.viewed is distinct from o.viewed
  union
  select user_id from analytics.user_months where month = etl.month_of_day(day)
    and view_days & etl.bit_of_day(day) <> 0 and days & etl.bit_of_day(day) = 0
  union
  -- until the facts are right, a new cart may be given a wrong last view
  select user_id from wrong_facts where action = 1 and user_id is not null;

  -- counters of users and sessions: their error against the rows that they count
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

  return (select count(*) from rerun_events where inside);
end $$;

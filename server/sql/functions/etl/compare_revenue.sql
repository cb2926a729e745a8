-- Fills wrong_revenue: differences of revenue, orders and refunds.
create or replace function etl.compare_revenue(hour int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
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
end $$;

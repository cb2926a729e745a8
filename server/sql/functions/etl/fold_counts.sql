-- Stage 4: counts and revenue per minute, hour and day, each from one aggregate.
create or replace function etl.fold_counts() returns void language plpgsql as $$
begin
  with fine as materialized (
    select minute, hour, day, event_type, service_id, count(*) as events from batch group by 1, 2, 3, 4, 5
  ), added as materialized (
    select size, bucket, event_type, service_id, sum(events) as events
    from fine cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3, 4
  ), counted as (
    insert into analytics.window_counts as w select * from added order by 1, 2, 3, 4
    on conflict (size, bucket, event_type, service_id) do update set events = w.events + excluded.events
  )
  insert into analytics.window_totals as w (size, bucket, events, updated_at)
  select size, bucket, sum(events), now() from added group by 1, 2 order by 1, 2
  on conflict (size, bucket) do update set events = w.events + excluded.events, updated_at = excluded.updated_at;

  insert into analytics.window_revenue as w
  select size, bucket, service_id, currency,
    coalesce(sum(amount) filter (where action = 3), 0), count(*) filter (where action = 3),
    coalesce(sum(abs(amount)) filter (where action = 4), 0), count(*) filter (where action = 4)
  from batch cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
  where action in (3, 4) and amount is not null
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (size, bucket, service_id, currency) do update set
    revenue = w.revenue + excluded.revenue, orders = w.orders + excluded.orders,
    refunds = w.refunds + excluded.refunds, refund_count = w.refund_count + excluded.refund_count;
end $$;

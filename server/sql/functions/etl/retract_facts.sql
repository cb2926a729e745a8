-- Takes the facts in retracted_facts back from counts and revenue, as etl.fold_counts added them, and notes their
-- events in retracted_totals.
create or replace function etl.retract_facts(day int) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_variable
begin
  merge into analytics.window_counts w using (
    select size, bucket, event_type, service_id, count(*) as events
    from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.event_type = a.event_type and w.service_id = a.service_id
  when matched and w.events = a.events then delete
  when matched then update set events = w.events - a.events;

  merge into analytics.window_revenue w using (
    select size, bucket, service_id, currency,
      coalesce(sum(amount) filter (where action = 3), 0) as revenue, count(*) filter (where action = 3) as orders,
      coalesce(sum(abs(amount)) filter (where action = 4), 0) as refunds, count(*) filter (where action = 4) as refund_count
    from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    where action in (3, 4) and amount is not null
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.service_id = a.service_id and w.currency = a.currency
  when matched and w.orders = a.orders and w.refund_count = a.refund_count then delete
  when matched then update set revenue = w.revenue - a.revenue, orders = w.orders - a.orders,
    refunds = w.refunds - a.refunds, refund_count = w.refund_count - a.refund_count;

  insert into retracted_totals
  select size, bucket, count(*), 0, 0, 0
  from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
  group by 1, 2;
end $$;

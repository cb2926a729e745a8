-- Adds the differences of counts, revenue and products to their windows, and deletes rows that become zero.
create or replace function etl.apply_sums() returns void language plpgsql as $$
begin
  insert into analytics.window_counts as w select * from wrong_counts
  on conflict (size, bucket, event_type, service_id) do update set events = w.events + excluded.events;
  delete from analytics.window_counts w using wrong_counts o
  where w.size = o.size and w.bucket = o.bucket and w.event_type = o.event_type and w.service_id = o.service_id and w.events = 0;

  insert into analytics.window_revenue as w select * from wrong_revenue
  on conflict (size, bucket, service_id, currency) do update set
    revenue = w.revenue + excluded.revenue, orders = w.orders + excluded.orders,
    refunds = w.refunds + excluded.refunds, refund_count = w.refund_count + excluded.refund_count;
  delete from analytics.window_revenue w using wrong_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.service_id = o.service_id and w.currency = o.currency
    and w.orders = 0 and w.refund_count = 0;

  insert into analytics.product_windows as w select * from wrong_product_windows
  on conflict (size, bucket, product_id) do update set
    views = w.views + excluded.views, carts = w.carts + excluded.carts, purchases = w.purchases + excluded.purchases;
  delete from analytics.product_windows w using wrong_product_windows o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.views = 0 and w.carts = 0 and w.purchases = 0;

  insert into analytics.product_revenue as w select * from wrong_product_revenue
  on conflict (size, bucket, product_id, currency) do update set revenue = w.revenue + excluded.revenue;
  delete from analytics.product_revenue w using wrong_product_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.currency = o.currency and w.revenue = 0
    and not exists (select from rerun_products p where p.action = 3 and p.product_id = w.product_id and p.currency = w.currency);
end $$;

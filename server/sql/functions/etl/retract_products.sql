-- Takes the events in retracted_events back from the products' windows: etl.fold_items and etl.fold_products with
-- the sign reversed.
create or replace function etl.retract_products() returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into retracted_products (hour, day, product_id, action, currency, amount)
  select etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute), p.id, t.action, c.id,
    case when e.items is null then e.amount else i.amount end
  from retracted_events e
  cross join lateral (select etl.minute_of(e.occurred_at) as minute offset 0) m
  join analytics.event_types t on t.name = e.event_type
  left join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(e.items) item where item ->> 'id' is not null group by 1) i on true
  join analytics.products p on p.key = case when e.items is null then e.product_key else i.key end
  left join analytics.currencies c on e.amount is not null and c.code = coalesce(e.currency, 'XXX')
  where t.action between 1 and 3;

  merge into analytics.product_windows w using (
    select size, bucket, product_id, count(*) filter (where action = 1) as views,
      count(*) filter (where action = 2) as carts, count(*) filter (where action = 3) as purchases
    from retracted_products cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3 order by 1, 2, 3
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id
  when matched and w.views = a.views and w.carts = a.carts and w.purchases = a.purchases then delete
  when matched then update set views = w.views - a.views, carts = w.carts - a.carts, purchases = w.purchases - a.purchases;

  merge into analytics.product_revenue w using (
    select size, bucket, product_id, currency, sum(amount) as revenue
    from retracted_products cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    where action = 3 and amount is not null and currency is not null
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id and w.currency = a.currency
  -- no row and no revenue are the same
  when matched and w.revenue = a.revenue then delete
  when matched then update set revenue = w.revenue - a.revenue;
end $$;

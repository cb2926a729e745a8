-- Fills wrong_product_windows and wrong_product_revenue: differences of products' counts and revenue.
create or replace function etl.compare_products(hour int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
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
end $$;

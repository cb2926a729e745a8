-- Expands events with several products: one row per product and event, however often the event lists it.
create or replace function etl.fold_items() returns void language plpgsql set enable_seqscan = off as $$
begin
  if not exists (select from batch where items is not null) then return; end if;
  insert into batch_products (hour, day, action, currency, amount, product_key, format, payload, product_id)
  select b.hour, b.day, b.action, b.currency, i.amount, i.key, b.format, b.payload,
    (select id from analytics.products p where p.key = i.key)
  from batch b cross join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(b.items) item where item ->> 'id' is not null group by 1
  ) i where b.items is not null and b.action between 1 and 3;
  insert into analytics.products (key)
  select distinct product_key from batch_products where product_id is null on conflict do nothing;
  update batch_products b set product_id = (select id from analytics.products p where p.key = b.product_key)
  where product_id is null;
end $$;

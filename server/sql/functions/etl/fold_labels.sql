-- Names products that have no name yet, each from its longest payload of the batch. Only these payloads are
-- parsed as JSON.
create or replace function etl.fold_labels() returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  if not exists (select from batch where payload is not null) then return; end if;
  update analytics.products p set name = source.name, category = source.category
  from (
    select product_id, label.name, label.category from (
      select distinct on (product_id) product_id, product_key, format, payload from (
        select product_id, product_key, format, payload from batch where payload is not null and items is null
        union all
        select product_id, product_key, format, payload from batch_products where payload is not null
      ) told
      where exists (select from analytics.products u where u.key = told.product_key and not u.named)
      order by product_id, length(payload) desc
    ) longest cross join lateral etl.product_label(format, payload, product_key) label
    where label.name is not null
    offset 0
  ) source where p.id = source.product_id;
end $$;

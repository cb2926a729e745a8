-- Name and category of a product, read from the event's payload in its own format. Never fails: a label that
-- cannot be read counts as not known yet.
create or replace function etl.product_label(format smallint, payload text, product_key text, out name text, out category text)
language plpgsql immutable as $$
declare
  event json := payload::json;
  product json;
begin
  if format = 1 then
    product := coalesce(
      (select p from json_array_elements(
         case when json_typeof(event #> '{properties,products}') = 'array' then event #> '{properties,products}' else '[]' end) p
       where coalesce(p ->> 'product_id', p ->> 'sku', p ->> 'id') = product_key limit 1),
      event -> 'properties');
  else
    product := coalesce(event -> 'product', event #> '{data,product}');
  end if;
  name := left(product ->> 'name', 500);
  category := left(product ->> 'category', 200);
exception when others then
  name := null;
  category := null;
end $$;

-- Stage 2: ids for new event types, users, currencies and products. Only the missing ones are inserted, because
-- `on conflict do nothing` alone would use up an identity value for every event.
create or replace function etl.fold_names() returns void language plpgsql set enable_seqscan = off as $$
begin
  if exists (select from batch where event_type is null) then
    insert into analytics.event_types (name, action)
    select distinct b.event_type_name, coalesce(a.action, 0)
    from batch b left join etl.event_type_actions a on a.name = b.event_type_name
    where b.event_type is null on conflict do nothing;
    update batch b set (event_type, action) = (
      select id, action from analytics.event_types t where t.name = b.event_type_name)
    where event_type is null;
  end if;
  if exists (select from batch where user_id is null and user_key is not null) then
    insert into analytics.users (key)
    select distinct user_key from batch where user_id is null and user_key is not null on conflict do nothing;
    update batch b set user_id = (select id from analytics.users u where u.key = b.user_key)
    where user_id is null and user_key is not null;
  end if;
  if exists (select from batch where currency is null and currency_code is not null) then
    insert into analytics.currencies (code)
    select distinct currency_code from batch where currency is null and currency_code is not null on conflict do nothing;
    update batch b set currency = (select id from analytics.currencies c where c.code = b.currency_code)
    where currency is null and currency_code is not null;
  end if;
  if exists (select from batch where product_id is null and product_key is not null) then
    -- named by its longest payload; JSON is parsed only for what is new
    insert into analytics.products (key, name, category)
    select product_key, label.name, label.category from (
      select distinct on (product_key) product_key, format, payload from batch
      where product_id is null and product_key is not null order by product_key, length(payload) desc nulls last
    ) told left join lateral etl.product_label(format, payload, product_key) label on true
    on conflict do nothing;
    update batch b set product_id = (select id from analytics.products p where p.key = b.product_key)
    where product_id is null and product_key is not null;
    update batch set payload = null where payload is not null and items is null;
  end if;
end $$;

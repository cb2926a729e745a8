-- Corrects which cart is the last one of each purchase at or after the user's first cart in batch_carts.
create or replace function etl.correct_purchases() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select carts.user_id, bought.occurred_at, 3, cart.last_view_at
  from (select user_id, min(occurred_at) as first from batch_carts group by 1) carts
  cross join lateral (
    select k.occurred_at, k.last_view_at from analytics.key_facts k
    where k.user_id = carts.user_id and k.occurred_at >= carts.first and k.action = 3 offset 0) bought
  left join lateral etl.last_cart(carts.user_id, bought.occurred_at) cart on true
  where cart.last_view_at is distinct from bought.last_view_at
  on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at;
end $$;

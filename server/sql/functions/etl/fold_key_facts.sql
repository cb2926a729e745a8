-- Stage 8: carts with the user's last view at or before them, and purchases with the last view of their last
-- cart. A cart looks back, to the day that view_days names, so it needs one or two probes. A view that arrives
-- late affects later carts, and a late cart affects later purchases.
create or replace function etl.fold_key_facts() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  -- late views: only users who already have a cart at or after their first view of this batch
  with viewers as materialized (
    select user_id, min(occurred_at) as first from batch where action = 1 and user_id is not null group by 1
  ), late as materialized (
    select user_id, first from viewers v where (
      select true from analytics.key_facts k where k.user_id = v.user_id and k.occurred_at >= v.first and k.action = 2 limit 1)
  ), timeline as (
    select b.user_id, b.occurred_at, 1 as action, null::timestamptz as last_view_at
    from late join batch b on b.user_id = late.user_id and b.action = 1
    union all
    select late.user_id, cart.* from late cross join lateral (
      select occurred_at, 2, last_view_at from analytics.key_facts k
      where k.user_id = late.user_id and k.occurred_at >= late.first and k.action = 2 offset 0) cart
  ), seen as (
    select *, max(occurred_at) filter (where action = 1)
      over (partition by user_id order by occurred_at, action) as view_at from timeline
  ), corrected as (
    insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
    select user_id, occurred_at, 2, view_at from seen
    where action = 2 and view_at > coalesce(last_view_at, '-infinity')
    on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at
    returning user_id, occurred_at, last_view_at
  )
  insert into batch_carts (user_id, occurred_at, last_view_at) select * from corrected;

  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, c.occurred_at, d.view_day from (
    select distinct user_id, occurred_at, day from batch where action = 2 and user_id is not null
  ) c left join lateral etl.last_view_day(c.user_id, c.day) d on true;
  perform etl.find_last_views();
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select user_id, occurred_at, 2, last_view_at from batch_carts
  on conflict do nothing;
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select b.user_id, b.occurred_at, 3, cart.last_view_at
  from (select distinct user_id, occurred_at from batch where action = 3 and user_id is not null) b
  left join lateral etl.last_cart(b.user_id, b.occurred_at) cart on true
  on conflict do nothing;
  perform etl.correct_purchases();
end $$;

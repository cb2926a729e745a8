-- Finds each user's last view before the hour, for carts without a view in it, and that of their last cart, for
-- purchases.
create or replace function etl.stage_last_views(hour int) returns void language plpgsql as $$
begin
  perform etl.open_batch();
  truncate batch_carts;
  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, etl.start_of_hour(hour) - interval '1 microsecond', d.view_day
  from (select distinct user_id from rerun_events where inside and action in (2, 3) and user_id is not null
        and user_id not in (select user_id from rerun_last_views)) c
  left join lateral etl.last_view_day(c.user_id, floor((hour - 1) / 24::float8)::int) d on true;
  perform etl.find_last_views();
  insert into rerun_last_views
  select c.user_id, c.last_view_at, cart.last_view_at
  from batch_carts c left join lateral etl.last_cart(c.user_id, c.occurred_at) cart on true;
end $$;

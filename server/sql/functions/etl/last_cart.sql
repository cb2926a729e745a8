-- The last view behind the user's last cart at or before an instant; no row when there is no cart.
create or replace function etl.last_cart(buyer int, at timestamptz) returns table (last_view_at timestamptz) language sql stable as $$
  select k.last_view_at from analytics.key_facts k
  where k.user_id = buyer and k.occurred_at <= at and k.action = 2 order by k.occurred_at desc limit 1
$$;

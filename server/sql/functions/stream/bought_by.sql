-- Point ids of the products that a user bought.
create or replace function stream.bought_by(buyer uuid) returns uuid[] language sql stable
set enable_seqscan = off as $$
  select coalesce(array_agg(distinct p.point_id), '{}')
  from stream.users u
  cross join lateral generate_series(1, length(u.bought), 4) at
  join stream.products p on p.number = substr(u.bought, at, 4)::int
  where u.point_id = buyer
$$;

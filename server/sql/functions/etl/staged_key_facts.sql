-- Carts and purchases of the staged hour with their last view, as etl.fold_key_facts would have them.
create or replace function etl.staged_key_facts(hour int, only_users boolean)
returns table (user_id int, occurred_at timestamptz, action smallint, last_view_at timestamptz) language plpgsql stable as $$
begin
  return query
  select distinct k.user_id, k.occurred_at, k.action,
    case when k.action = 2 then greatest(k.view_at, v.last_view_at)
      -- the view of the last cart is the latest view of all carts
      else greatest(v.cart_view_at, max(greatest(k.view_at, v.last_view_at)) filter (where k.action = 2)
        over (partition by k.user_id order by k.occurred_at, k.action)) end
  from (
    select e.user_id, e.occurred_at, e.action, e.inside, max(e.occurred_at) filter (where e.action = 1)
      over (partition by e.user_id order by e.occurred_at, e.action = 1 desc) as view_at
    from rerun_events e where e.user_id is not null
      and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  ) k left join rerun_last_views v on v.user_id = k.user_id
  where k.inside and k.action in (2, 3);
end $$;

-- Adds to users, new ones included, in the order given: extends `items` and `bought`, in which a product may then
-- appear more than once (readers add up). Returns the users whose bytes exceed the limits, with their contents:
-- the same transaction has to write them again, shorter.
create or replace function stream.add_to_users(
  ids uuid[],
  keys text[],
  new_items bytea[],
  new_bought bytea[],
  new_events int[],
  seen_at timestamptz[],
  most_item_bytes int,
  most_bought_bytes int
) returns table (point_id uuid, items bytea, bought bytea) language plpgsql
set enable_seqscan = off as $$
begin
  return query
  with added as (
    insert into stream.users as s (point_id, key, items, bought, events, last_seen)
    select unnest(ids), unnest(keys), unnest(new_items), unnest(new_bought), unnest(new_events), unnest(seen_at)
    on conflict on constraint users_pkey do update
    set items = excluded.items || s.items, bought = s.bought || excluded.bought,
      events = s.events + excluded.events, last_seen = greatest(s.last_seen, excluded.last_seen)
    returning s.point_id, s.items, s.bought
  )
  select a.point_id, a.items, a.bought from added a
  where length(a.items) > most_item_bytes or length(a.bought) > most_bought_bytes;
end $$;

-- Tastes in half the bytes, since every event about a product writes one: a product's number instead of its
-- 16 bytes of id, and a row of which PostgreSQL logs only what was added.

-- Short names of products, for tastes only.
alter table stream.products add column number int not null generated always as identity unique;
alter table stream.products alter column number set statistics 10;

alter table stream.users rename to users_before;
alter table stream.users_before rename constraint users_pkey to users_before_pkey;

-- What a user took interest in. `bought`: four bytes a product, its number, the newest last. `items`: twelve
-- bytes a product, its number and a float64, the binary logarithm of the decayed weight as of 2024-01-01; both
-- big endian. A product may stand in them more than once. `items` is the last column and grows at its front:
-- of an update the log then holds neither what is before the first change nor what is behind the last one.
create table stream.users (
  point_id uuid primary key,
  key text not null,
  bought bytea not null default '',
  events bigint not null default 0,
  last_seen timestamptz not null default '-infinity',
  items bytea not null default ''
-- three versions of a row in a page beside each other, before the page is tidied
) with (fillfactor = 50);
alter table stream.users alter column items set storage external, alter column bought set storage external;
-- found by key; nobody looks for a taste by what it holds
alter table stream.users alter column items set statistics 0, alter column bought set statistics 0,
  alter column point_id set statistics 10, alter column key set statistics 10,
  alter column events set statistics 10, alter column last_seen set statistics 10;

insert into stream.users (point_id, key, bought, events, last_seen, items)
select u.point_id, u.key, coalesce(b.bought, ''), u.events, u.last_seen, coalesce(i.items, '')
from stream.users_before u
cross join lateral (
  select string_agg(p.number::bytea, ''::bytea order by at) as bought
  from generate_series(1, length(u.bought), 16) at
  join stream.products p on p.point_id = encode(substr(u.bought, at, 16), 'hex')::uuid) b
cross join lateral (
  -- the float64 was little endian
  select string_agg(p.number::bytea || reverse(substr(u.items, at + 16, 8)), ''::bytea order by at) as items
  from generate_series(1, length(u.items), 24) at
  join stream.products p on p.point_id = encode(substr(u.items, at, 16), 'hex')::uuid) i;
drop table stream.users_before;

-- Adds to users, new ones too, in the order given: extends `items` and `bought`, in which a product may then
-- stand more than once (readers add up). Answers those that have grown to more than so many bytes, with what
-- they hold: they are to be written again, shorter, by the same transaction.
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

-- Point ids of what a user bought.
create function stream.bought_by(buyer uuid) returns uuid[] language sql stable
set enable_seqscan = off as $$
  select coalesce(array_agg(distinct p.point_id), '{}')
  from stream.users u
  cross join lateral generate_series(1, length(u.bought), 4) at
  join stream.products p on p.number = substr(u.bought, at, 4)::int
  where u.point_id = buyer
$$;

-- As before, and answers the products' numbers too.
drop function stream.add_to_products;
create function stream.add_to_products(
  ids uuid[],
  -- most products of a page have events of one type, which is cheaper; of several all are in new_counts
  types text[],
  new_events int[],
  new_counts text[],
  first_seen_at timestamptz[],
  last_seen_at timestamptz[],
  new_views int[],
  new_purchases int[],
  told_hashes bytea[],
  told_at timestamptz[]
) returns table (point_id uuid, number int, differs boolean, hash bytea, content_rank smallint, content_at timestamptz)
language plpgsql
-- one lookup an id, in the order given: workers wait for each other instead of deadlocking
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off as $$
begin
  return query
  update stream.products p
  set counts = case
      when u.all_counts is null
        then p.counts || jsonb_build_object(u.type, coalesce((p.counts ->> u.type)::bigint, 0) + u.added)
      else stream.add_counts(p.counts, u.all_counts::jsonb)
    end,
    first_seen = least(p.first_seen, u.first_seen), last_seen = greatest(p.last_seen, u.last_seen),
    views = p.views + u.views, purchases = p.purchases + u.purchases,
    content_at = case when p.content_hash = u.hash then greatest(p.content_at, u.told_at) else p.content_at end
  from unnest(ids, types, new_events, new_counts, first_seen_at, last_seen_at, new_views, new_purchases, told_hashes,
      told_at)
    as u (id, type, added, all_counts, first_seen, last_seen, views, purchases, hash, told_at)
  where p.point_id = u.id
  returning p.point_id, p.number, p.content_hash <> u.hash, p.content_hash, p.content_rank, p.content_at;
end $$;

-- Cheaper writes of the part `stream`: rows that change with every event no longer touch an index, tastes are
-- added to without being read, and what is stale is marked by the page.

-- How popular a product is, in steps of about a tenth: most bought first, of those most viewed. Exact counts
-- changed an indexed column with every view, which wrote all of the row's index entries again, those of its
-- words too.
drop index stream.products_popular;
alter table stream.products add column popularity int not null generated always as
  (floor(16 * ln(1 + purchases))::int * 1000 + floor(8 * ln(1 + views))::int) stored;
create index products_popular on stream.products (popularity desc, point_id) where content_rank > 0;

-- Whole pages of points, since a page changes thousands: one row for up to a hundred of them.
create table stream.stale (
  id bigint generated always as identity primary key,
  is_user boolean not null,
  point_ids uuid[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
insert into stream.stale (is_user, point_ids)
select is_user, array_agg(distinct point_id)
from (select *, ntile(1 + (select count(*) / 100 from stream.stale_points)::int) over (order by point_id) as part
      from stream.stale_points) p
group by is_user, part;
drop table stream.stale_points;

-- Adds counts of event types to a product's.
create function stream.add_counts(kept jsonb, added jsonb) returns jsonb language sql immutable strict as $$
  select kept || jsonb_object_agg(key, coalesce((kept ->> key)::bigint, 0) + value::bigint)
  from jsonb_each_text(added)
$$;

-- Adds to products that are there, in the order given, and answers them with the text that they keep, to be
-- compared with what was told (`differs`; null when no text was told). One that is not there is left out.
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
) returns table (point_id uuid, differs boolean, hash bytea, content_rank smallint, content_at timestamptz)
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
  returning p.point_id, p.content_hash <> u.hash, p.content_hash, p.content_rank, p.content_at;
end $$;

-- Adds to users, new ones too, in the order given: appends to `items` and `bought`, in which a product may
-- then stand more than once (readers add up). Answers those that have grown to more than so many bytes, with
-- what they hold: they are to be written again, shorter, by the same transaction.
create function stream.add_to_users(
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
    set items = s.items || excluded.items, bought = s.bought || excluded.bought,
      events = s.events + excluded.events, last_seen = greatest(s.last_seen, excluded.last_seen)
    returning s.point_id, s.items, s.bought
  )
  select a.point_id, a.items, a.bought from added a
  where length(a.items) > most_item_bytes or length(a.bought) > most_bought_bytes;
end $$;

-- Three versions of a row in a page beside each other, before the page is tidied.
alter table stream.users set (fillfactor = 50);
alter table stream.products set (fillfactor = 60);

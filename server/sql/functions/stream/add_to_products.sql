-- Adds to existing products, in the order given. Returns them with their number and stored text, to be
-- compared with the text of the events (`differs`; null when the events had none). Ids without a product are
-- left out.
create or replace function stream.add_to_products(
  ids uuid[],
  -- most products of a page have events of one type, which is cheaper; those of several types are in new_counts
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
-- one look-up per id, in the order given: workers wait for each other instead of deadlocking
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

-- The change feed: what became visible after `since` and is visible in `until`, ordered by (changed, id), after
-- (last_changed, last_id). Reads in the caller's snapshot, which should be `until` or later. The vector is null
-- unless it changed after `vectors_since`.
create or replace function vectors.read_changes(collection int, since pg_snapshot, vectors_since pg_snapshot,
  until pg_snapshot, last_changed xid8, last_id uuid, max_points int)
returns table (id uuid, changed xid8, vector bytea, payload text, deleted boolean)
language plpgsql stable rows 100
-- a plan made while the table is small stays cached as it grows: the index is fast at any size
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  running xid8[] := array(select pg_snapshot_xip(since));
begin
  return query
  select n.id, n.changed,
    case when not pg_visible_in_snapshot(n.vector_changed, vectors_since) then n.vector end,
    n.payload::text, n.deleted_at is not null
  from (
    (select p.id, p.changed, p.vector_changed, p.vector, p.payload, p.deleted_at
     from vectors.points p
     where p.collection_id = collection and p.changed >= pg_snapshot_xmax(since)
       and (p.changed, p.id) > (last_changed, last_id) and pg_visible_in_snapshot(p.changed, until)
     order by p.changed, p.id limit max_points)
    union all
    (select p.id, p.changed, p.vector_changed, p.vector, p.payload, p.deleted_at
     from vectors.points p
     where p.collection_id = collection and p.changed = any (running)
       and (p.changed, p.id) > (last_changed, last_id) and pg_visible_in_snapshot(p.changed, until)
     order by p.changed, p.id limit max_points)
  ) n
  order by n.changed, n.id
  limit max_points;
end $$;

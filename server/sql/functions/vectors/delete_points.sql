-- Replaces points by tombstones; returns how many points existed.
create or replace function vectors.delete_points(collection int, ids uuid[]) returns int language plpgsql
set enable_seqscan = off as $$
declare
  deleted int;
begin
  perform vectors.hold_collection(collection);
  with held as (
    select p.id from vectors.points p
    where p.collection_id = collection and p.id = any (ids) and p.deleted_at is null
    order by p.id for no key update
  )
  update vectors.points p
  set vector = null, payload = '{}', deleted_at = clock_timestamp(), changed = pg_current_xact_id(),
    vector_changed = pg_current_xact_id()
  from held
  where p.collection_id = collection and p.id = held.id;
  get diagnostics deleted = row_count;
  return deleted;
end $$;

-- Deletes tombstones older than `age`; returns how many. A follower that did not read for longer has to compare
-- everything; it learns that from `purged`.
create or replace function vectors.purge_tombstones(age interval) returns bigint language plpgsql as $$
declare
  total bigint;
begin
  with gone as (
    delete from vectors.points where deleted_at < clock_timestamp() - age returning collection_id, changed
  ), newest as (
    select collection_id, max(changed) as changed, count(*) as n from gone group by collection_id
  ), noted as (
    update vectors.collections c
    set purged = greatest(c.purged, newest.changed), purged_by = pg_current_xact_id()
    from newest where c.id = newest.collection_id
  )
  select coalesce(sum(n), 0) into total from newest;
  return total;
end $$;

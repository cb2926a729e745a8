-- Transaction ids mean nothing after a restore from a dump: points with future ids would stay new forever, and no
-- position would ever be past a purge with a future id. Gives the points of such a collection the id of this
-- transaction; returns whether that was necessary.
create or replace function vectors.mend_feed(collection int) returns boolean language plpgsql
set enable_seqscan = off as $$
begin
  if (select max(changed) < pg_snapshot_xmax(pg_current_snapshot()) is not false
      from vectors.points where collection_id = collection)
    and (select bool_and(greatest(purged, purged_by) < pg_snapshot_xmax(pg_current_snapshot())) is not false
         from vectors.collections where id = collection) then
    return false;
  end if;
  perform vectors.hold_collection(collection);
  update vectors.points set changed = pg_current_xact_id(), vector_changed = pg_current_xact_id()
  where collection_id = collection;
  update vectors.collections set purged = pg_current_xact_id(), purged_by = pg_current_xact_id()
  where id = collection;
  return true;
end $$;

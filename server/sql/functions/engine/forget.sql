-- Deletes the rows of engine.folded that the position of the windows covers.
create or replace function engine.forget("position" pg_snapshot) returns void language sql
set enable_seqscan = off set enable_bitmapscan = off as $$
  delete from engine.folded f
  where f.xid < pg_snapshot_xmax("position") and pg_visible_in_snapshot(f.xid, "position")
$$;

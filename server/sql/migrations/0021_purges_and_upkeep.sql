-- Which positions of the change feed outlive a clean-up, and less upkeep of tables that grow with every event.

-- The transaction that last cleaned up. A position is good when everything that was cleaned up is behind it: all
-- transactions up to `purged` had ended, or this one had. Clean-ups of a collection wait for each other at its
-- row, so the one that wrote last is the one that committed last, and who sees it sees what all of them removed.
-- By `purged` alone a position that was taken just now would be refused for as long as any transaction of the
-- server is older than the last deletion.
alter table vectors.collections add column purged_by xid8 not null default '0';
update vectors.collections set purged_by = pg_current_xact_id() where purged <> '0';

-- Cleans up tombstones older than `age`; answers how many. Followers that stood still for longer have to
-- compare everything (they are told, see `purged`).
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

-- Transaction ids mean nothing after a restore from a dump: points of the future would be new for ever, and no
-- position would be behind a clean-up of the future. Gives such a collection's points this transaction's id;
-- true when that was needed.
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

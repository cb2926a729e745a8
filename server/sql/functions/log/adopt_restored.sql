-- Adapts a log that was restored from a dump into another cluster: there, transaction ids begin again, so new events
-- would count as read, and restored events would stay invisible. Every reader keeps exactly what it had not
-- processed. Returns whether that was necessary. Call it before anything writes events.
--
-- Readers see a restored event through its `xid` only. So all events that each reader has processed get one id of
-- the past, and the others an id of the past for each set of readers that still need them; the positions of these
-- readers show that id as running. Claimed pages are unread again.
create or replace function log.adopt_restored() returns boolean language plpgsql as $$
declare
  home text := log.cluster();
  last log.incarnations;
  now_seen pg_snapshot;
begin
  perform pg_advisory_xact_lock(hashtext('log.incarnation'));
  select * into last from log.incarnations order by number desc limit 1;
  if last.cluster is null or split_part(last.cluster, '/', 1) = split_part(home, '/', 1) then return false; end if;

  lock table raw.events, log.readers, log.pages in share row exclusive mode;
  -- no rerun is in progress: nothing to fence
  delete from etl.retractions;
  delete from etl.retired_users;
  delete from engine.staged;
  now_seen := pg_current_snapshot();
  -- in a cluster that has gone further than the dump, ids and positions still agree
  if (select max(xid) from raw.events) >= pg_snapshot_xmin(now_seen)
    or exists (select from log.readers where pg_snapshot_xmax(position) > pg_snapshot_xmin(now_seen))
    or exists (select from erasure.requests where state <> 'done' and pg_snapshot_xmax(seen) > pg_snapshot_xmin(now_seen))
  then
    perform log.renumber_restored(now_seen);
  end if;
  perform log.begin_incarnation(last, home);
  return true;
end $$;

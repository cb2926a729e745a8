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

-- Rows of the log only ever arrive, and a day is dropped whole. Reading all of it once more, for the visibility map
-- and the freezing, cost 0.5 to 4 µs an event; a day that lives for 200 million transactions is frozen then. What
-- erasure removes is vacuumed as anywhere. The sample of an analyze is as large as the largest target of a column:
-- 9,000 rows instead of 30,000. Of what was sent there are no statistics, as no condition is on it as a whole;
-- `occurred_at` has more than the others, since events that come days late would else hide the day's first hours
-- in one step of the histogram.
create function raw.set_upkeep(day regclass) returns void language plpgsql as $$
declare
  statistics text;
begin
  select string_agg(format('alter column %I set statistics %s', attname,
      case attname when 'payload' then 0 when 'occurred_at' then 30 else 10 end), ', ')
  into statistics from pg_attribute where attrelid = day and attnum > 0 and not attisdropped;
  execute format('alter table %s %s', day, statistics);
  execute format('alter table %s reset (autovacuum_vacuum_insert_scale_factor)', day);
  execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.05)',
    day);
end $$;
revoke execute on function raw.set_upkeep from public;

-- Makes the day's partition when it is missing. Days are UTC. Safe to call from several places at once.
create or replace function raw.ensure_partition(day date) returns void language plpgsql as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('raw.' || name) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  if to_regclass('raw.' || name) is not null then return; end if;
  -- `create table ... partition of` would lock the whole log against its writers and wait for every
  -- reader; `attach` waits for none of them
  execute format('create table raw.%I (like raw.events including defaults)', name);
  perform raw.set_upkeep(('raw.' || name)::regclass);
  execute format(
    'alter table raw.events attach partition raw.%I for values from (%L) to (%L)',
    name,
    (day::timestamp at time zone 'UTC'),
    ((day + 1)::timestamp at time zone 'UTC')
  );
end $$;
select raw.set_upkeep(inhrelid) from pg_inherits where inhparent = 'raw.events'::regclass;

-- As the log: only looked up by key, and truncated whole. They are renamed to each other.
alter table raw.identities set (autovacuum_vacuum_insert_threshold = -1),
  alter column event_id set statistics 10, alter column service_id set statistics 10,
  alter column content_hash set statistics 10;
alter table raw.identities_before set (autovacuum_vacuum_insert_threshold = -1),
  alter column event_id set statistics 10, alter column service_id set statistics 10,
  alter column content_hash set statistics 10;

-- Found by keys, which plans know to be unique. Wide columns that no plan asks about have no statistics: to sort a
-- sample of them is what an analyze took its time for. Expressions of indexes count for the sample too.
alter table vectors.points alter column vector set statistics 0, alter column payload set statistics 0,
  alter column collection_id set statistics 10, alter column id set statistics 10,
  alter column changed set statistics 10, alter column vector_changed set statistics 10,
  alter column deleted_at set statistics 10;
alter index vectors.points_event_received alter column 2 set statistics 10;
alter index vectors.points_event_user alter column 2 set statistics 10;

alter table stream.users alter column items set statistics 0, alter column bought set statistics 0,
  alter column point_id set statistics 10, alter column key set statistics 10,
  alter column events set statistics 10, alter column last_seen set statistics 10;

alter table stream.products alter column words set statistics 0, alter column folded set statistics 0,
  alter column description set statistics 0, alter column counts set statistics 0,
  alter column point_id set statistics 10, alter column key set statistics 10, alter column name set statistics 10,
  alter column category set statistics 10, alter column price set statistics 10,
  alter column currency set statistics 10, alter column content_hash set statistics 10,
  alter column content_rank set statistics 10, alter column content_at set statistics 10,
  alter column first_seen set statistics 10, alter column last_seen set statistics 10,
  alter column purchases set statistics 10, alter column views set statistics 10,
  alter column popularity set statistics 10;

alter table stream.stale alter column point_ids set statistics 0;

-- Points: the truth that the embedded index is a cache of and that is delivered to Qdrant.
create schema vectors;

create table vectors.collections (
  id int generated always as identity primary key,
  name text not null unique check (length(name) between 1 and 200),
  dimension int not null check (dimension between 1 and 4096),
  -- member -> 'keyword' | 'float' | 'integer' | 'datetime' | 'bool'
  payload_indexes jsonb not null default '{}',
  -- the newest change of a tombstone that was cleaned up: who has read less cannot go on by the feed
  purged xid8 not null default '0',
  created_at timestamptz not null default clock_timestamp()
);

create table vectors.aliases (
  alias text primary key check (length(alias) between 1 and 200),
  collection_id int not null references vectors.collections (id) on delete cascade
);
create index aliases_collection on vectors.aliases (collection_id);

-- No foreign key: it would lock the collection's row once a point; the functions below lock it once a call.
create table vectors.points (
  collection_id int not null,
  id uuid not null,
  -- float32 little endian, of length 1 (or all zero); null in a tombstone
  vector bytea,
  payload jsonb not null default '{}',
  -- the transaction that wrote this state; readers find what is new by it
  changed xid8 not null default pg_current_xact_id(),
  vector_changed xid8 not null default pg_current_xact_id(),
  -- a tombstone: followers hear of the deletion
  deleted_at timestamptz,
  primary key (collection_id, id),
  constraint points_vector_or_tombstone check ((deleted_at is null) = (vector is not null))
) with (
  -- `changed` is indexed and changes every time, so no update is HOT and free space in pages gains nothing;
  -- dead versions of hot products come fast instead
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000
);
-- floats do not compress: trying costs more than reading
alter table vectors.points alter column vector set storage external;
create index points_changed on vectors.points (collection_id, changed, id);

-- Locks the collection against deletion until the transaction ends; answers its dimension.
create function vectors.hold_collection(collection int) returns int language plpgsql as $$
declare
  found_dimension int;
begin
  select dimension into found_dimension from vectors.collections where id = collection for key share;
  if found_dimension is null then
    raise exception 'there is no collection %', collection using errcode = 'WV001';
  end if;
  return found_dimension;
end $$;

-- Writes points, all or none, in the caller's transaction: replaces those that are there. A null vector keeps
-- the vector that is there. Answers the ids that were left out: those without a vector that are not there.
-- Of an id given twice the last stands. What is the same already is not written again, so a replay is silent.
-- Sorted by id in one statement: calls at the same time wait for each other and do not deadlock. After the
-- commit, and outside of the transaction, wake the readers with `notify weir_points` (a transaction with a
-- notification holds a lock of the whole server until it is on disk).
-- Errors: WV001 no such collection, WV002 a vector of another length.
create function vectors.put_points(collection int, ids uuid[], new_vectors bytea[], payloads jsonb[])
returns uuid[] language plpgsql
set enable_seqscan = off as $$
declare
  size int := 4 * vectors.hold_collection(collection);
  wrong int;
  left_out uuid[] := '{}';
begin
  select octet_length(v) into wrong from unnest(new_vectors) v where octet_length(v) <> size limit 1;
  if found then
    raise exception 'the collection has % dimensions, a vector % bytes', size / 4, wrong using errcode = 'WV002';
  end if;
  if array_position(new_vectors, null) is not null then
    select coalesce(array_agg(distinct t.id), '{}') into left_out
    from unnest(ids, new_vectors) t (id, vector)
    where t.vector is null and not exists (
      select from vectors.points p
      where p.collection_id = collection and p.id = t.id and p.deleted_at is null);
  end if;
  -- constraints look at a row before the conflict does, so "keep" is an empty vector and not null
  insert into vectors.points as p (collection_id, id, vector, payload)
  select collection, t.id, coalesce(t.vector, ''), t.payload
  from (
    select distinct on (u.id) u.id, u.vector, u.payload
    from unnest(ids, new_vectors, payloads) with ordinality u (id, vector, payload, place)
    order by u.id, u.place desc
  ) t
  where t.vector is not null or t.id <> all (left_out)
  order by t.id
  on conflict (collection_id, id) do update
  set vector = case when excluded.vector = '' then p.vector else excluded.vector end,
    payload = excluded.payload, changed = excluded.changed, deleted_at = null,
    vector_changed = case when excluded.vector in ('', p.vector) then p.vector_changed
      else excluded.changed end
  where case when p.deleted_at is not null then excluded.vector <> ''
    else p.payload <> excluded.payload or excluded.vector not in ('', p.vector) end;
  return left_out;
end $$;

-- Sets these members of the payloads and leaves the others; null takes a member away. Sorted and silent as
-- put_points.
create function vectors.set_payload(collection int, ids uuid[], members jsonb) returns void language plpgsql
set enable_seqscan = off as $$
declare
  gone text[] := array(select key from jsonb_each(members) where value = 'null');
begin
  perform vectors.hold_collection(collection);
  with held as (
    select p.id from vectors.points p
    where p.collection_id = collection and p.id = any (ids) and p.deleted_at is null
    order by p.id for no key update
  )
  update vectors.points p
  set payload = (p.payload || members) - gone, changed = pg_current_xact_id()
  from held
  where p.collection_id = collection and p.id = held.id and p.payload <> (p.payload || members) - gone;
end $$;

-- Leaves tombstones; answers how many points there were.
create function vectors.delete_points(collection int, ids uuid[]) returns int language plpgsql
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

-- All at once: nobody sees one alias moved and another not. `targets`: alias -> collection.
-- Error WV001: a collection that is not there.
create function vectors.switch_aliases(targets jsonb) returns void language plpgsql as $$
declare
  missing text;
begin
  select t.value into missing from jsonb_each_text(targets) t
  where not exists (select from vectors.collections c where c.name = t.value) limit 1;
  if found then
    raise exception 'there is no collection %', missing using errcode = 'WV001';
  end if;
  insert into vectors.aliases (alias, collection_id)
  select t.key, c.id from jsonb_each_text(targets) t join vectors.collections c on c.name = t.value
  order by t.key
  on conflict (alias) do update set collection_id = excluded.collection_id;
end $$;

-- Points and tombstones go with it; its aliases too. A writer that is under way is waited for.
create function vectors.drop_collection(wanted text) returns boolean language plpgsql
set enable_seqscan = off as $$
declare
  gone int;
begin
  delete from vectors.collections where name = wanted returning id into gone;
  if gone is null then
    return false;
  end if;
  delete from vectors.points where collection_id = gone;
  return true;
end $$;

-- The change feed: what became visible after `since`, as of `until`, in order of (changed, id), behind
-- (last_changed, last_id). Stable: one snapshot, the caller's, which should be `until` or a later one. The
-- vector comes only when it changed after `vectors_since`.
create function vectors.read_changes(collection int, since pg_snapshot, vectors_since pg_snapshot,
  until pg_snapshot, last_changed xid8, last_id uuid, max_points int)
returns table (id uuid, changed xid8, vector bytea, payload text, deleted boolean)
language plpgsql stable rows 100
-- plans made while the table is small outlive that: the index is right at any size
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

-- Cleans up tombstones older than `age`; answers how many. Followers that stood still for longer have to
-- compare everything (they are told, see `purged`).
create function vectors.purge_tombstones(age interval) returns bigint language plpgsql as $$
declare
  total bigint;
begin
  with gone as (
    delete from vectors.points where deleted_at < clock_timestamp() - age returning collection_id, changed
  ), newest as (
    select collection_id, max(changed) as changed, count(*) as n from gone group by collection_id
  ), noted as (
    update vectors.collections c set purged = greatest(c.purged, newest.changed)
    from newest where c.id = newest.collection_id
  )
  select coalesce(sum(n), 0) into total from newest;
  return total;
end $$;
create index points_tombstones on vectors.points (deleted_at) where deleted_at is not null;

-- Transaction ids mean nothing after a restore from a dump: points of the future would be new for ever.
-- Gives such a collection's points this transaction's id; true when that was needed.
create function vectors.mend_feed(collection int) returns boolean language plpgsql
set enable_seqscan = off as $$
begin
  if (select max(changed) < pg_snapshot_xmax(pg_current_snapshot()) is not false
      from vectors.points where collection_id = collection) then
    return false;
  end if;
  perform vectors.hold_collection(collection);
  update vectors.points set changed = pg_current_xact_id(), vector_changed = pg_current_xact_id()
  where collection_id = collection;
  update vectors.collections set purged = pg_current_xact_id() where id = collection;
  return true;
end $$;

grant usage on schema vectors to weir_app;
grant select, insert, update, delete on all tables in schema vectors to weir_app;
grant usage, select on all sequences in schema vectors to weir_app;
revoke execute on all functions in schema vectors from public;
grant execute on all functions in schema vectors to weir_app;
alter default privileges in schema vectors grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema vectors grant usage, select on sequences to weir_app;
alter default privileges in schema vectors grant execute on functions to weir_app;

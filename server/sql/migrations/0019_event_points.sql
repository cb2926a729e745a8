-- The collection `events`: a point for every event, made when `stream.events_collection` is on.

-- Added to a model that answers already: what it finds is incomplete until it is filled.
alter table vectors.model_collections add column filling boolean not null default false;

-- Vectors of events' texts are let go after as many days as their points; those of products' texts stay.
alter table stream.embeddings add column event_day date;
create index embeddings_event_day on stream.embeddings (event_day) where event_day is not null;

-- Retention and erasure find events' points by these; no other point is in them.
create index points_event_received on vectors.points (collection_id, ((payload ->> 'received_at') collate "C"))
  where payload ? 'event_id';
create index points_event_user on vectors.points (collection_id, (payload ->> 'user_id'))
  where payload ? 'event_id';

-- Writes points of events; as vectors.put_points, and silent like it. A point's id is its event's. An event
-- id is unique within its service only: when another service's event has the point already, this one gets the
-- id of `other_ids` (made of both), so that neither takes the other's place. New ones are reserved by the
-- insert, which waits for whoever writes the same id at the same time, so two cannot both be the first.
create function stream.put_event_points(collection int, ids uuid[], other_ids uuid[], new_vectors bytea[],
  payloads jsonb[]) returns void language plpgsql
set enable_seqscan = off as $$
declare
  size int := 4 * vectors.hold_collection(collection);
  wrong int;
  added int;
begin
  select octet_length(v) into wrong from unnest(new_vectors) v where octet_length(v) <> size limit 1;
  if found then
    raise exception 'the collection has % dimensions, a vector % bytes', size / 4, wrong using errcode = 'WV002';
  end if;
  insert into vectors.points (collection_id, id, vector, payload)
  select collection, t.id, t.vector, t.payload
  from unnest(ids, other_ids, new_vectors, payloads) with ordinality t (id, other_id, vector, payload, place)
  where not exists (
    select from vectors.points p
    where p.collection_id = collection and p.id = t.other_id and p.deleted_at is null)
  order by t.id, t.place
  on conflict do nothing;
  get diagnostics added = row_count;
  if added = cardinality(ids) then return; end if;
  -- the rest is there already, in part or whole: written again, or of another service
  perform from vectors.points p
  where p.collection_id = collection and p.id = any (ids) order by p.id for no key update;
  perform vectors.put_points(collection, array_agg(t.target order by t.place),
    array_agg(t.vector order by t.place), array_agg(t.payload order by t.place))
  from (
    select u.place, u.vector, u.payload, case
      when other.id is not null then u.other_id
      when mine.id is not null and mine.deleted_at is null
        and mine.payload -> 'source' is distinct from u.payload -> 'source' then u.other_id
      else u.id end as target
    from unnest(ids, other_ids, new_vectors, payloads) with ordinality u (id, other_id, vector, payload, place)
    left join vectors.points mine on mine.collection_id = collection and mine.id = u.id
    left join vectors.points other
      on other.collection_id = collection and other.id = u.other_id and other.deleted_at is null
  ) t;
end $$;

revoke execute on function stream.put_event_points from public;
grant execute on function stream.put_event_points to weir_app;

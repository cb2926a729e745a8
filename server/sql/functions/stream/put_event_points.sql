-- Writes points of events; like vectors.put_points, it does not write what is unchanged. The id of a point is that
-- of its event. An event id is unique only within its service: when an event of another service already has the
-- point, this one gets its id from `other_ids` (derived from both), so that neither replaces the other. The
-- insert reserves new ids and waits for concurrent writers of the same id, so only one of them is first.
create or replace function stream.put_event_points(collection int, ids uuid[], other_ids uuid[], new_vectors bytea[],
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
  -- some already exist: the event was sent again, or is of another service
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

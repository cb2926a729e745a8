-- Writes points, all or none, in the caller's transaction, and replaces existing ones. A null vector keeps the
-- existing vector. Returns the ids left out: those without a vector that do not exist. Of an id given twice, the
-- last one counts. Unchanged points are not written, so a replay causes no change. One statement sorted by id:
-- concurrent calls wait for each other and do not deadlock.
--
-- After the commit, outside the transaction, wake the readers with `notify weir_points`: a transaction with a
-- notification holds a server-wide lock until it is on disk.
-- Errors: WV001 unknown collection, WV002 a vector of another length.
create or replace function vectors.put_points(collection int, ids uuid[], new_vectors bytea[], payloads jsonb[])
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
  -- constraints are checked before the conflict, so "keep" is an empty vector, not null
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

-- Sets members of payloads and keeps the others; null removes a member. Like put_points, it locks in the order of
-- ids and does not write what is unchanged.
create or replace function vectors.set_payload(collection int, ids uuid[], members jsonb) returns void language plpgsql
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

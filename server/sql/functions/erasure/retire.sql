-- Separates the analytics of the requests' users from what comes later (etl.retire_users). Their raw events are
-- deleted by now.
create or replace function erasure.retire(request_ids uuid[]) returns void language plpgsql as $$
declare
  ids uuid[];
  keys text[];
  seen pg_snapshot[];
  since timestamptz[];
  retired int[];
begin
  -- in the order of every transaction that holds both
  perform from log.readers where name = 'windows' for no key update;
  select array_agg(q.id order by q.id), array_agg(q.user_key order by q.id), array_agg(q.seen order by q.id),
    array_agg(q.seen_since order by q.id)
  into ids, keys, seen, since
  from (select * from erasure.requests where id = any (request_ids) and step = 2 order by id for update) q;
  if ids is null then return; end if;
  retired := etl.retire_users(keys, seen, since);
  update erasure.requests q set step = 3, analytics_user = r.user_id
  from unnest(ids, retired) r (id, user_id) where q.id = r.id;
end $$;

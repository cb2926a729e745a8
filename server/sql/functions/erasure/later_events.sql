-- Events of the request's user that do not belong to its set: with `allow`, what arrived since.
create or replace function erasure.later_events(request uuid) returns table (service_id int, event_id uuid)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
  q erasure.requests;
begin
  select * into q from erasure.requests where id = request;
  return query
  select r.service_id, r.event_id
  from log.unread(q.seen, pg_current_snapshot(), log.since(q.seen, q.seen_since), null) r
  where r.user_key = q.user_key;
end $$;

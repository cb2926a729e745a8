-- Deletes a user's events from one day of the log and records their hours; returns the number of events.
-- Their identities are kept, so sending the events again gives `duplicate` and stores nothing.
create or replace function erasure.erase_day(request uuid, partition regclass) returns bigint
language plpgsql as $$
declare
  erased bigint;
begin
  execute format('with gone as (
      delete from %s using erasure.requests q
      where q.id = $1 and events.user_key = q.user_key
      returning date_trunc(''hour'', events.occurred_at, ''UTC'') as hour
    ), noted as (
      insert into erasure.hours (request_id, hour) select distinct $1, hour from gone on conflict do nothing
    ) select count(*) from gone', partition::text || ' as events')
  using request into erased;
  update erasure.requests set raw_events = raw_events + erased where id = request;
  return erased;
end $$;

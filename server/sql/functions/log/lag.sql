-- How far a reader is behind: events that this snapshot shows and that it has not finished (unread, or in a claimed
-- page), counted up to `at_most` (`more` says when there are more), and when the oldest of them was received. Nulls
-- when the reader does not exist. Computed only from unread events: neither clocks nor `read_at` count. What Spark has
-- folded beyond the position of the windows is not unread.
create or replace function log.lag(for_reader text, at_most int,
  out events bigint, out more boolean, out oldest timestamptz, out age_seconds float8)
language plpgsql stable
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  reader log.readers;
  seen pg_snapshot := pg_current_snapshot();
  since timestamptz;
  claimed bigint;
  claimed_oldest timestamptz;
  has_folded boolean := for_reader = 'windows' and exists (select from engine.folded);
begin
  select * into reader from log.readers where name = for_reader;
  if reader.name is null then return; end if;
  since := log.since(reader.position, reader.since);
  select count(*), min(u.received_at) into events, oldest
  from (
    select r.received_at from log.unread(reader.position, seen, since, case when not has_folded then at_most + 1 end) r
    where not has_folded or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null
    limit at_most + 1) u;
  -- a page that the previous version claimed does not say when its oldest event was received
  select coalesce(sum(p.events), 0), min(coalesce(p.oldest, p.heartbeat_at)) into claimed, claimed_oldest
  from log.pages p where p.reader = for_reader;
  more := events + claimed > at_most;
  events := least(events + claimed, at_most);
  oldest := least(oldest, claimed_oldest);
  age_seconds := greatest(0, coalesce(extract(epoch from clock_timestamp() - oldest), 0));
end $$;

-- The next page of the log for a reader, at most about `max_events` events, without moving its position.
-- `next_since` and `next_read_at` go with `to_position`. `more`: the limit was reached.
create or replace function log.next_page(reader text, max_events int,
  out from_position pg_snapshot, out to_position pg_snapshot, out since timestamptz, out next_since timestamptz,
  out read_at timestamptz, out next_read_at timestamptz, out events int, out oldest timestamptz, out more boolean)
language plpgsql as $$
#variable_conflict use_variable
declare
  kept log.readers;
begin
  -- before the position is read: see log.page_after
  perform log.incarnation();
  select * into kept from log.readers r where r.name = reader;
  if kept.name is null then
    raise exception 'no reader of the raw log is named %', reader using errcode = 'WF002';
  end if;
  select p.* into from_position, to_position, since, next_since, read_at, next_read_at, events, oldest, more
  from log.page_after(kept.position, kept.since, kept.read_at, max_events) p;
end $$;

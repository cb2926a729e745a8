-- The next page of the log for a reader, at most about `max_events` events, without moving its position.
-- `next_since` and `next_read_at` go with `to_position`. `more`: the limit was reached.
create or replace function log.next_page(reader text, max_events int,
  out from_position pg_snapshot, out to_position pg_snapshot, out since timestamptz, out next_since timestamptz,
  out read_at timestamptz, out next_read_at timestamptz, out events int, out oldest timestamptz, out more boolean)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  kept log.readers;
  page record;
begin
  -- fails in a database that was restored from a dump, where positions mean nothing yet
  perform log.incarnation();
  select * into kept from log.readers r where r.name = reader;
  if kept.name is null then
    raise exception 'no reader of the raw log is named %', reader using errcode = 'WF002';
  end if;
  next_read_at := clock_timestamp();
  -- of one snapshot: a day that it shows as closed has no writer that it does not show, unless one that notes it
  select pg_current_snapshot(), o.since into to_position, next_since from log.open_days o;
  from_position := kept.position;
  read_at := kept.read_at;
  since := log.since(kept.position, kept.since);
  select count(*)::int as events, max(u.xid) as last_xid, max(u.received_at) as newest, min(u.received_at) as oldest,
    count(*) filter (where u.xid >= pg_snapshot_xmax(from_position)) >= max_events as more
  into page from log.unread(from_position, to_position, since, max_events) u;
  events := page.events;
  oldest := page.oldest;
  more := page.more;
  if more then
    to_position := log.position_after(to_position, page.last_xid);
    next_since := since;
    next_read_at := least(next_read_at, page.newest);
  end if;
end $$;

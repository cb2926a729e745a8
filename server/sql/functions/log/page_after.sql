-- The next page of the log after a position that is not in the register: for a reader that reads ahead of what it has
-- recorded. `kept_since` and `kept_read_at` belong to the position; they, and the result, are as in log.next_page.
create or replace function log.page_after(after pg_snapshot, kept_since timestamptz, kept_read_at timestamptz, max_events int,
  out from_position pg_snapshot, out to_position pg_snapshot, out since timestamptz, out next_since timestamptz,
  out read_at timestamptz, out next_read_at timestamptz, out events int, out oldest timestamptz, out more boolean)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  page record;
begin
  -- fails in a database that was restored from a dump, where positions mean nothing yet
  perform log.incarnation();
  next_read_at := clock_timestamp();
  -- of one snapshot: a day that it shows as closed has no writer that it does not show, unless one that notes it
  select pg_current_snapshot(), o.since into to_position, next_since from log.open_days o;
  from_position := after;
  read_at := kept_read_at;
  since := log.since(after, kept_since);
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

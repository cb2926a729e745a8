-- Moves the position of the windows over everything that has been folded: what it shows, what is in engine.folded, and
-- the session's batch, of which `folded` counts the events. The caller holds the position as `reader`.
--
-- The position shows every transaction up to the first events that neither engine has folded. A few transactions (`most_missing`) with
-- such events are left out of it instead, as if they were still running: a message that is late, or that never arrives,
-- does not keep engine.folded growing.
create or replace function engine.advance(reader log.readers, folded int) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set enable_nestloop = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  most_missing constant int := 100;
  at_once int := greatest(folded, 5000);
  read_at timestamptz := clock_timestamp();
  reached pg_snapshot := reader.position;
  since timestamptz := log.since(reader.position, reader.since);
  seen pg_snapshot;
  open_since timestamptz;
  low xid8[];
  high xid8[];
  page record;
  cut xid8;
begin
  perform engine.open_batch();
  -- as in log.next_page
  select pg_current_snapshot(), o.since into seen, open_since from log.open_days o;
  loop
    with unread as materialized (
      select u.xid, u.received_at, b.event_id is null and (
          select true from engine.folded f
          where f.xid = u.xid and f.event_id = u.event_id and f.service_id = u.service_id) is null as missing
      from log.unread(reached, seen, since, at_once) u
      left join batch b on b.xid = u.xid and b.event_id = u.event_id and b.service_id = u.service_id
    )
    select array_agg(distinct u.xid) filter (where missing and u.xid < pg_snapshot_xmax(reached)) as low,
      array_agg(distinct u.xid order by u.xid) filter (where missing and u.xid >= pg_snapshot_xmax(reached)) as high,
      count(*) filter (where u.xid >= pg_snapshot_xmax(reached)) >= at_once as more,
      max(u.xid) as last_xid, max(u.received_at) as newest
    into page from unread u;
    low := coalesce(page.low, '{}');
    high := coalesce(page.high, '{}');
    cut := high[1 + greatest(0, most_missing - cardinality(low))];
    if cut is null and page.more then
      cut := (page.last_xid::text::numeric + 1)::text::xid8;
      read_at := least(read_at, page.newest);
      reached := engine.position_before(cut, seen, low || high);
      continue;
    end if;
    reached := engine.position_before(coalesce(cut, pg_snapshot_xmax(seen)), seen, low || high);
    exit;
  end loop;
  perform log.advance('windows', reader.position, reached,
    case when cut is null and low = '{}' and high = '{}' then open_since else since end, read_at, folded);

  perform engine.forget(reached);
  insert into engine.folded (xid, event_id, service_id)
  select b.xid, b.event_id, b.service_id from batch b
  where b.event_id is not null and not pg_visible_in_snapshot(b.xid, reached);
end $$;

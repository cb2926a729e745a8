-- Claims the next page of the log for a worker: one whose owner sent no heartbeat for `patience`, else the next
-- `max_events` events. No row when there is nothing to read. `longest_write` as in etl.step.
create or replace function stream.claim(worker text, max_events int, longest_write interval, patience interval)
returns setof stream.pages language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  cursor_row etl.cursors;
  running xid8[];
  seen pg_snapshot;
  asked_at timestamptz;
  bound timestamptz;
  page record;
begin
  return query update stream.pages p
    set owner = worker, epoch = p.epoch + 1, heartbeat_at = clock_timestamp()
    where id = (select id from stream.pages where heartbeat_at < clock_timestamp() - patience
                order by id for update skip locked limit 1)
    returning p.*;
  if found then return; end if;

  select * into cursor_row from etl.cursors where reader = 'stream' for no key update;
  asked_at := clock_timestamp();
  seen := pg_current_snapshot();
  running := array(select pg_snapshot_xip(cursor_row.position));
  bound := cursor_row.read_at - longest_write - interval '1 hour';
  select count(*)::int as events, max(xid) as last_xid, max(received_at) as last_received,
    count(*) filter (where xid >= pg_snapshot_xmax(cursor_row.position)) >= max_events as more
  into page
  from (
    (select xid, received_at from raw.events
     where xid = any (running) and received_at >= bound and pg_visible_in_snapshot(xid, seen))
    union all
    (select xid, received_at from raw.events
     where xid >= pg_snapshot_xmax(cursor_row.position) and received_at >= bound and pg_visible_in_snapshot(xid, seen)
     order by xid fetch first max_events rows with ties)
  ) r;
  if page.more then
    seen := etl.position_after(seen, page.last_xid);
    asked_at := greatest(cursor_row.read_at, least(asked_at, page.last_received));
  end if;
  if page.events > 0 then
    return query insert into stream.pages (from_position, to_position, since, read_at, events, owner)
      values (cursor_row.position, seen, bound, cursor_row.read_at, page.events, worker) returning *;
  end if;
  -- with nothing read, the position still moves from time to time: what it looks back at stays short
  if page.events > 0 or asked_at > cursor_row.read_at + interval '5 seconds' then
    update etl.cursors set position = seen, read_at = asked_at, events = cursors.events + page.events
    where reader = 'stream';
  end if;
end $$;

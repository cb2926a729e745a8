-- THE read of the raw log: what `seen` shows and `position` did not. That is what transactions running at
-- `position` wrote (few, one per writer), and the first `max_events` events (null: all) of those that began
-- since, in the order of their transactions and never a part of one.
--
-- `since` serves partition pruning alone, and must come from log.since. Take `seen` before the rows are read: only
-- rows visible in it count, so the rows and the next position agree whatever commits meanwhile.
--
-- Do not change its form: the planner inlines this text into the caller's statement (one stable `select`, no `set`, no
-- `security definer`), and both halves become index probes on `raw.events (xid)`. parts/log/plan.test.ts checks it.
create or replace function log.unread("position" pg_snapshot, seen pg_snapshot, since timestamptz, max_events int)
returns setof raw.events language sql stable as $$
  (select * from raw.events
   where xid = any (array(select pg_snapshot_xip("position"))) and received_at >= since
     and pg_visible_in_snapshot(xid, seen))
  union all
  (select * from raw.events
   where xid >= pg_snapshot_xmax("position") and xid < pg_snapshot_xmax(seen) and received_at >= since
     and pg_visible_in_snapshot(xid, seen)
   order by xid fetch first max_events rows with ties)
$$;

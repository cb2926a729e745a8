-- No event that a reader at `position` has yet to read was received before this; `kept` is the value recorded with
-- the position. A day that was closed then can only have been written to by a transaction that recorded it.
create or replace function log.since("position" pg_snapshot, kept timestamptz) returns timestamptz
language sql stable as $$
  select least(kept, (select min(received_from) from log.reopenings where not pg_visible_in_snapshot(xid, "position")))
$$;

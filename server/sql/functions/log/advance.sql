-- Moves a reader from one position to the next, if it is still at the first; returns whether it was. Call it in
-- the transaction that writes the reader's results for the events between the two.
create or replace function log.advance(reader text, from_position pg_snapshot, to_position pg_snapshot,
  next_since timestamptz, next_read_at timestamptz, read_events int) returns boolean language plpgsql as $$
begin
  update log.readers r
  set position = to_position, since = next_since, read_at = next_read_at, events = r.events + read_events,
    heartbeat_at = clock_timestamp()
  where r.name = reader and r.position::text = from_position::text;
  return found;
end $$;

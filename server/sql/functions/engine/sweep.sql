-- Deletes what tasks staged and no driver folded: attempts that failed, or whose driver died. A batch that is swept too early
-- is staged again.
create or replace function engine.sweep() returns void language sql as $$
  delete from engine.staged where staged_at not between clock_timestamp() - interval '1 hour' and clock_timestamp() + interval '1 hour'
$$;

-- The position of a reader after log.renumber_restored(), which made restored_unread: everything that `now_seen` shows but
-- what the reader has not processed.
create or replace function log.restored_position(reader text, now_seen pg_snapshot) returns pg_snapshot language plpgsql as $$
#variable_conflict use_variable
begin
  return (
    select (coalesce(min(n.x)::text, pg_snapshot_xmax(now_seen)::text) || ':' || pg_snapshot_xmax(now_seen) || ':'
      || coalesce(string_agg(n.x::text, ',' order by n.x), ''))::pg_snapshot
    from (
      select u.new_xid::text::numeric as x from restored_unread u where reader = any (u.readers)
      union select running::text::numeric from pg_snapshot_xip(now_seen) running
    ) n);
end $$;

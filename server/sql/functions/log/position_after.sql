-- The position after a page of what `seen` shows. A snapshot means "every transaction below xmax, except those
-- in xip", so a page ends in a snapshot too: cut after the last transaction read, with those still running below
-- the cut.
create or replace function log.position_after(seen pg_snapshot, last_xid xid8) returns pg_snapshot language sql immutable as $$
  select (coalesce(min(x)::text, cut::text) || ':' || cut || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  from (select last_xid::text::numeric + 1 as cut) c left join pg_snapshot_xip(seen) x on x::text::numeric < cut
  group by cut
$$;

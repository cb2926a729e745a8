-- Where the relay begins again so that everything received at `received_from` or later is sent: its position without the
-- transactions from the first such event on. What it has yet to send stays unsent. Null: it has sent nothing since then.
create or replace function relay.rewind_target(received_from timestamptz, out "position" pg_snapshot)
language plpgsql stable
set enable_seqscan = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
  current pg_snapshot := (select r.position from log.readers r where r.name = 'relay');
  first_xid xid8 := (select min(xid) from raw.events where received_at >= received_from);
begin
  if first_xid is null or first_xid >= pg_snapshot_xmax(current) then return; end if;
  select (coalesce(min(x)::text, first_xid::text) || ':' || first_xid || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  into "position"
  from pg_snapshot_xip(current) x where x < first_xid;
end $$;

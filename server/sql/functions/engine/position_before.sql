-- The position that shows what `seen` shows of the transactions before `cut`, without those in `missing`.
create or replace function engine.position_before(cut xid8, seen pg_snapshot, missing xid8[]) returns pg_snapshot
language sql immutable as $$
  select (coalesce(min(x)::text, cut::text) || ':' || cut || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  from (
    select running::text::numeric as x from pg_snapshot_xip(seen) running where running < cut
    union select m::text::numeric from unnest(missing) m where m < cut
  ) n
$$;

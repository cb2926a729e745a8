-- Stage 1: puts what became visible since `position` into the batch, with the ids that are known already. See
-- log.unread. Leaves out what Spark has folded. Returns whether more events may wait, which is known only if that was nothing.
create or replace function etl.read_batch("position" pg_snapshot, seen pg_snapshot, since timestamptz, max_events int)
returns boolean language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  has_folded boolean := exists (select from engine.folded);
begin
  insert into batch
  select r.occurred_at, r.received_at, r.xid, m.minute, etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute),
    r.service_id, t.id, t.action, u.id, p.id, c.id, r.amount, r.items,
    r.event_type, r.user_key, r.product_key, m.currency_code, r.format,
    -- keep the payload only of events that may name a product
    case when (r.items is not null or p.named is not true) and position('"name"' in r.payload) > 0 then r.payload end
  from log.unread("position", seen, since, max_events) r
  cross join lateral (
    select etl.minute_of(r.occurred_at) as minute,
      -- XXX is "no currency" in ISO 4217
      case when r.amount is not null then coalesce(r.currency, 'XXX') end as currency_code
    offset 0) m
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.users u on u.key = r.user_key
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on c.code = m.currency_code
  -- a scalar subquery, not an anti-join: it costs nothing while Spark has folded nothing
  where not has_folded or (
    select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null;
  return max_events <= (select count(*) from batch where xid >= pg_snapshot_xmax("position"));
end $$;

-- Puts the staged events that neither engine has folded into the batch; returns how many different ones were staged that the
-- position does not show, and how many of those the raw log has.
--
-- The raw log decides which events exist: a message may be of an event that was erased since, or of a transaction
-- that a crash of the server took back. Reading it costs 0.5 µs an event, because the events of a transaction lie together.
create or replace function engine.read_batch(tokens uuid[], "position" pg_snapshot, since timestamptz,
  out candidates int, out present int)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  xids xid8[];
begin
  insert into batch_staged
  select distinct on (s.xid, s.event_id, s.service_id) s.xid, s.event_id, s.service_id, s.occurred_at, s.event_type,
    s.user_key, s.product_key, s.amount, s.currency, s.items
  from engine.staged s
  where s.token = any (tokens) and not pg_visible_in_snapshot(s.xid, "position");
  get diagnostics candidates = row_count;
  if candidates = 0 then
    present := 0;
    return;
  end if;
  xids := array(select distinct s.xid from batch_staged s);

  insert into batch (occurred_at, received_at, xid, minute, hour, day, service_id, event_type, action, user_id, product_id,
    currency, amount, items, event_type_name, user_key, product_key, currency_code, format, payload, event_id)
  select e.occurred_at, e.received_at, e.xid, e.minute, etl.hour_of_minute(e.minute), etl.day_of_minute(e.minute),
    e.service_id, t.id, t.action, e.user_id, e.product_id,
    (select c.id from analytics.currencies c where c.code = e.currency_code), e.amount, e.items,
    e.event_type, e.user_key, e.product_key, e.currency_code, e.format,
    -- as in etl.read_batch
    case when (e.items is not null or (select p.named from analytics.products p where p.id = e.product_id) is not true)
      and position('"name"' in e.payload) > 0 then e.payload end,
    e.event_id
  from (
    select s.*, r.received_at, r.format, r.payload, etl.minute_of(s.occurred_at) as minute,
      case when s.amount is not null then coalesce(s.currency, 'XXX') end as currency_code,
      (select u.id from analytics.users u where u.key = s.user_key) as user_id,
      (select p.id from analytics.products p where p.key = s.product_key) as product_id
    from batch_staged s
    join raw.events r on r.xid = s.xid and r.event_id = s.event_id and r.service_id = s.service_id
    where r.xid = any (xids) and r.received_at >= since
    offset 0
  ) e
  left join analytics.event_types t on t.name = e.event_type;
  get diagnostics present = row_count;

  if exists (select from engine.folded) then
    delete from batch b
    where (select true from engine.folded f where f.xid = b.xid and f.event_id = b.event_id and f.service_id = b.service_id);
  end if;
end $$;

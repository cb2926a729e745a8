-- Stages the raw events that `position` shows, or that Spark has folded beyond it, from `from_at` to before `until_at`, of
-- all users or of those given.
create or replace function etl.stage_events("position" pg_snapshot, from_at timestamptz, until_at timestamptz, hour int, only_users int[])
returns void language plpgsql as $$
declare
  received_since timestamptz := etl.received_since(from_at);
  has_folded boolean := exists (select from engine.folded);
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= etl.start_of_hour(hour) and r.occurred_at < etl.start_of_hour(hour + 1),
    u.id, p.id, t.id, r.service_id, t.action, c.id, r.amount, r.items
  from raw.events r
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.users u on u.key = r.user_key
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on r.amount is not null and c.code = coalesce(r.currency, 'XXX')
  where r.occurred_at >= from_at and r.occurred_at < until_at
    and r.received_at >= received_since
    and (pg_visible_in_snapshot(r.xid, "position") or has_folded and (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id))
    and (only_users is null or r.user_key = any (
      select key from analytics.users where id = any (only_users)));
end $$;

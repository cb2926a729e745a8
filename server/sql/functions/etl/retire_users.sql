-- Separates the history of users from what comes later: their rows keep the number that the user had, and the key
-- gets a new one with its next event. Returns the old numbers in the order of `keys`, null for a user without
-- history. No event that `seen` shows may be left in the log.
--
-- Events that `seen` does not show and that were counted already belong to the new history: they are folded again,
-- under the new number, by the stages of the ETL; the old number's share of them goes with its rows.
create or replace function etl.retire_users(keys text[], seen pg_snapshot[], since timestamptz[]) returns int[]
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  counted pg_snapshot;
  retired int[];
  from_position pg_snapshot;
  from_received timestamptz;
  has_folded boolean;
begin
  perform etl.open_batch();
  select r.position into counted from log.readers r where r.name = 'windows' for no key update;
  has_folded := exists (select from engine.folded);
  -- on its way from Spark; it is left out of its batch, because the raw log has it no more
  update engine.staged s set user_key = null where s.user_key = any (keys);
  select array_agg((select u.id from analytics.users u where u.key = k.key) order by k.place) into retired
  from unnest(keys) with ordinality k (key, place);
  insert into etl.retired_users (user_id) select id from unnest(retired) id where id is not null;
  delete from analytics.users u where u.id = any (retired);

  -- of everything that any of the snapshots may not show
  select format('%s:%s:', low, low)::pg_snapshot, oldest into from_position, from_received
  from (
    select min(pg_snapshot_xmin(s.seen)::text::numeric) as low, min(log.since(s.seen, s.since)) as oldest
    from unnest(seen, since) s (seen, since)
  ) b;
  insert into batch
  select r.occurred_at, r.received_at, r.xid, m.minute, etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute),
    r.service_id, t.id, t.action, null, p.id, c.id, r.amount, r.items,
    r.event_type, r.user_key, r.product_key, m.currency_code, r.format, null
  from log.unread(from_position, case when has_folded then pg_current_snapshot() else counted end, from_received, null) r
  cross join lateral (
    select etl.minute_of(r.occurred_at) as minute,
      case when r.amount is not null then coalesce(r.currency, 'XXX') end as currency_code
    offset 0) m
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on c.code = m.currency_code
  where r.user_key = any (keys) and not pg_visible_in_snapshot(r.xid, seen[array_position(keys, r.user_key)])
    and (not has_folded or pg_visible_in_snapshot(r.xid, counted) or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id));
  if found then
    perform etl.fold_names();
    perform etl.fold_facts();
    perform etl.fold_counts();
    perform etl.fold_users();
    perform etl.fold_sessions();
    -- not the products: their sums have no user, and contain these events once
    perform etl.fold_key_facts();
  end if;
  return retired;
end $$;

-- Locks the reader's position and fixes what compare_hour found. Returns false when an event that arrived
-- in between extends a session of the hour beyond what was staged: the hour must then be staged again.
create or replace function etl.apply_hour(worker_epoch bigint, hour int, staged etl.cursors) returns boolean
language plpgsql set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
  current etl.cursors;
  noted int[] := array(select user_id from rerun_users);
  running xid8[] := array(select pg_snapshot_xip(staged."position"));
begin
  select * into current from etl.cursors where reader = 'windows' for no key update;
  if current.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, current.epoch using errcode = 'WF001';
  end if;

  insert into rerun_events
  select r.occurred_at, r.occurred_at >= starts and r.occurred_at < ends, u.id, null, null, r.service_id, t.action, null, null, null
  from (
    select * from raw.events where xid = any (running) and received_at >= staged.read_at - interval '1 hour'
    union all
    select * from raw.events where xid >= pg_snapshot_xmax(staged."position") and received_at >= staged.read_at - interval '1 hour'
  ) r
  join analytics.users u on u.key = r.user_key
  join analytics.event_types t on t.name = r.event_type
  where pg_visible_in_snapshot(r.xid, current."position") and u.id = any (noted);
  if exists (
    select from etl.staged_sessions(hour, true) s left join rerun_covered c on c.user_id = s.user_id
    where c.until is null or s.ended_at >= c.until - interval '30 minutes'
  ) then
    return false;
  end if;
  -- late events may have changed what lies before the hour
  delete from rerun_last_views where user_id = any (noted);
  perform etl.stage_last_views(hour);

  delete from analytics.facts where ctid = any (array(
    select row from (
      select f.ctid as row, w.n, row_number() over (partition by w.*) as copy
      from analytics.facts f join wrong_facts w on w.n < 0 and f.occurred_at = w.occurred_at
        and (f.user_id, f.product_id, f.event_type, f.service_id, f.action, f.currency, f.amount)
          is not distinct from (w.user_id, w.product_id, w.event_type, w.service_id, w.action, w.currency, w.amount)
      where f.occurred_at >= starts and f.occurred_at < ends
    ) extra where copy <= -n)) and occurred_at >= starts and occurred_at < ends;
  insert into analytics.facts (occurred_at, user_id, product_id, event_type, service_id, action, currency, amount)
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount
  from wrong_facts cross join generate_series(1, n) where n > 0;

  insert into analytics.window_counts as w select * from wrong_counts
  on conflict (size, bucket, event_type, service_id) do update set events = w.events + excluded.events;
  delete from analytics.window_counts w using wrong_counts o
  where w.size = o.size and w.bucket = o.bucket and w.event_type = o.event_type and w.service_id = o.service_id and w.events = 0;

  insert into analytics.window_revenue as w select * from wrong_revenue
  on conflict (size, bucket, service_id, currency) do update set
    revenue = w.revenue + excluded.revenue, orders = w.orders + excluded.orders,
    refunds = w.refunds + excluded.refunds, refund_count = w.refund_count + excluded.refund_count;
  delete from analytics.window_revenue w using wrong_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.service_id = o.service_id and w.currency = o.currency
    and w.orders = 0 and w.refund_count = 0;

  insert into analytics.product_windows as w select * from wrong_product_windows
  on conflict (size, bucket, product_id) do update set
    views = w.views + excluded.views, carts = w.carts + excluded.carts, purchases = w.purchases + excluded.purchases;
  delete from analytics.product_windows w using wrong_product_windows o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.views = 0 and w.carts = 0 and w.purchases = 0;

  insert into analytics.product_revenue as w select * from wrong_product_revenue
  on conflict (size, bucket, product_id, currency) do update set revenue = w.revenue + excluded.revenue;
  delete from analytics.product_revenue w using wrong_product_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.currency = o.currency and w.revenue = 0
    and not exists (select from rerun_products p where p.action = 3 and p.product_id = w.product_id and p.currency = w.currency);

  perform etl.replace_users(hour, noted, -1);
  delete from analytics.user_hours u where u.hour = hour and u.user_id = any (noted);
  insert into analytics.user_hours select hour, user_id, minutes from etl.staged_user_hours(hour, true);
  update analytics.user_months m set days = m.days & ~etl.bit_of_day(day), view_days = m.view_days & ~etl.bit_of_day(day)
  where m.month = etl.month_of_day(day) and m.user_id = any (noted);
  insert into analytics.user_months as m
  select etl.month_of_day(day), user_id, etl.bit_of_day(day),
    case when bit_or(minutes) >> 60 & 1 = 1 then etl.bit_of_day(day) else 0 end
  from analytics.user_hours u where u.hour between 24 * day and 24 * day + 23 and u.user_id = any (noted) group by 2
  on conflict (month, user_id) do update set days = m.days | excluded.days, view_days = m.view_days | excluded.view_days;
  delete from analytics.user_months m where m.month = etl.month_of_day(day) and m.user_id = any (noted) and m.days = 0;
  delete from analytics.sessions where user_id = any (noted) and started_at >= starts and started_at < ends;
  insert into analytics.sessions (user_id, started_at, ended_at, events, purchases)
  select user_id, started_at, ended_at, events, purchases from etl.staged_sessions(hour, true);
  delete from analytics.key_facts where user_id = any (noted) and occurred_at >= starts and occurred_at < ends;
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at) select * from etl.staged_key_facts(hour, true);
  truncate batch_carts;
  insert into batch_carts (user_id, occurred_at) select user_id, starts from unnest(noted) user_id;
  perform etl.correct_purchases();
  perform etl.replace_users(hour, noted, 1);

  insert into analytics.window_totals as w (size, bucket, events, users, sessions, converted_sessions)
  select size, bucket, sum(events), sum(users), sum(sessions), sum(converted_sessions) from wrong_totals group by 1, 2
  on conflict (size, bucket) do update set events = w.events + excluded.events, users = w.users + excluded.users,
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions,
    updated_at = now();
  delete from analytics.window_totals w using wrong_totals o where w.size = o.size and w.bucket = o.bucket and w.events = 0;
  return true;
end $$;

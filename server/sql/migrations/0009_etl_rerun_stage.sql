-- Replacing windows from raw events while the live ETL goes on. An hour is the unit: a minute's rerun is its
-- hour's, a day's rerun is its 24 hours', and with every hour go the day's own rows.
--
-- 1. stage (no lock): in one snapshot, in which `position` and the analytics agree, work the hour out from
--    raw events and compare. Sums that are off become differences; users whose presence, sessions or key
--    facts are off are noted.
-- 2. apply (short, holding the cursor): rows that are wrong are deleted and right ones inserted. Sums are
--    corrected by their difference, which what the live ETL added meanwhile does not disturb. For the users
--    noted, the raw events read since are added to the staged ones before their rows are replaced.
-- What is right is not rewritten, so the live ETL waits for the damage and not for the size of the window.

create function etl.start_of_hour(hour int) returns timestamptz language sql immutable parallel safe as
$$ select timestamptz '1970-01-01 00:00:00+00' + hour * interval '1 hour' $$;

create function etl.open_rerun() returns void language plpgsql as $$
begin
  drop table if exists pg_temp.rerun_events, pg_temp.rerun_products, pg_temp.rerun_covered, pg_temp.rerun_users,
    pg_temp.rerun_hours, pg_temp.rerun_days, pg_temp.rerun_sessions, pg_temp.rerun_key_facts, pg_temp.rerun_last_views,
    pg_temp.wrong_facts, pg_temp.wrong_counts, pg_temp.wrong_totals, pg_temp.wrong_revenue,
    pg_temp.wrong_product_windows, pg_temp.wrong_product_revenue;
  create temporary table rerun_events (
    occurred_at timestamptz not null, inside boolean not null, user_id int, product_id int, event_type int,
    service_id int not null, action smallint, currency smallint, amount numeric, items json);
  create temporary table rerun_covered (user_id int primary key, until timestamptz not null);
  create temporary table rerun_users (user_id int primary key);
  create temporary table rerun_last_views (user_id int primary key, last_view_at timestamptz, cart_view_at timestamptz);
end $$;

-- Raw events that `position` shows, from..until, of all users or of those given.
create function etl.stage_events("position" pg_snapshot, from_at timestamptz, until_at timestamptz, hour int, only_users int[])
returns void language plpgsql as $$
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
    -- a sender's clock may run ahead by a day: nothing older can hold the hour
    and r.received_at >= from_at - interval '25 hours'
    and pg_visible_in_snapshot(r.xid, "position")
    and (only_users is null or r.user_key = any (
      select key from analytics.users where id = any (only_users)));
end $$;

-- Sessions that start in the hour, out of the staged events.
create function etl.staged_sessions(hour int, only_users boolean)
returns table (user_id int, started_at timestamptz, ended_at timestamptz, events int, purchases int)
language plpgsql stable as $$
begin
  return query
  select r.user_id, min(r.occurred_at), max(r.occurred_at), count(*)::int, count(*) filter (where action = 3)::int
  from (
    select o.*, sum(opens) over (partition by o.user_id order by o.occurred_at) as run from (
      select e.user_id, e.occurred_at, e.action,
        case when e.occurred_at - lag(e.occurred_at) over (partition by e.user_id order by e.occurred_at)
          <= interval '30 minutes' then 0 else 1 end as opens
      from rerun_events e where e.user_id is not null
        and (not only_users or e.user_id in (select x.user_id from rerun_users x))
    ) o
  ) r group by r.user_id, run
  having min(r.occurred_at) >= etl.start_of_hour(hour) and min(r.occurred_at) < etl.start_of_hour(hour + 1);
end $$;

-- Reads the hour, half an hour before it (does a session start here?) and as far behind it as its sessions go.
create function etl.stage_hour("position" pg_snapshot, hour int) returns void language plpgsql as $$
declare
  until_at timestamptz := etl.start_of_hour(hour + 1) + interval '30 minutes';
  next_at timestamptz;
  unfinished int[];
begin
  perform etl.stage_events("position", etl.start_of_hour(hour) - interval '30 minutes', until_at, hour, null);
  insert into rerun_covered select distinct user_id, until_at from rerun_events where user_id is not null;
  loop
    select array_agg(s.user_id) into unfinished from etl.staged_sessions(hour, false) s
    join rerun_covered c on c.user_id = s.user_id where s.ended_at >= c.until - interval '30 minutes';
    exit when unfinished is null;
    -- nothing lies further ahead than a day from now
    next_at := case when until_at > now() + interval '25 hours' then 'infinity' else until_at + (until_at - etl.start_of_hour(hour)) end;
    perform etl.stage_events("position", until_at, next_at, hour, unfinished);
    update rerun_covered set until = next_at where user_id = any (unfinished);
    until_at := next_at;
  end loop;
  create temporary table rerun_products as
  select e.action, e.currency, coalesce(p.id, e.product_id) as product_id,
    case when e.items is null then e.amount else i.amount end as amount
  from rerun_events e
  left join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(e.items) item where item ->> 'id' is not null group by 1) i on true
  left join analytics.products p on p.key = i.key
  where e.inside and e.action between 1 and 3 and (i.key is not null or (e.items is null and e.product_id is not null));
  analyze rerun_events;
end $$;

-- The user's last view before the hour, for carts that have none in it, and the last cart's, for purchases.
create function etl.stage_last_views(hour int) returns void language plpgsql as $$
begin
  perform etl.open_batch();
  truncate batch_carts;
  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, etl.start_of_hour(hour) - interval '1 microsecond', d.view_day
  from (select distinct user_id from rerun_events where inside and action in (2, 3) and user_id is not null
        and user_id not in (select user_id from rerun_last_views)) c
  left join lateral etl.last_view_day(c.user_id, floor((hour - 1) / 24::float8)::int) d on true;
  perform etl.find_last_views();
  insert into rerun_last_views
  select c.user_id, c.last_view_at, cart.last_view_at
  from batch_carts c left join lateral etl.last_cart(c.user_id, c.occurred_at) cart on true;
end $$;

create function etl.staged_key_facts(hour int, only_users boolean)
returns table (user_id int, occurred_at timestamptz, action smallint, last_view_at timestamptz) language plpgsql stable as $$
begin
  return query
  select distinct k.user_id, k.occurred_at, k.action,
    case when k.action = 2 then greatest(k.view_at, v.last_view_at)
      -- the last cart's is the latest of all carts'
      else greatest(v.cart_view_at, max(greatest(k.view_at, v.last_view_at)) filter (where k.action = 2)
        over (partition by k.user_id order by k.occurred_at, k.action)) end
  from (
    select e.user_id, e.occurred_at, e.action, e.inside, max(e.occurred_at) filter (where e.action = 1)
      over (partition by e.user_id order by e.occurred_at, e.action = 1 desc) as view_at
    from rerun_events e where e.user_id is not null
      and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  ) k left join rerun_last_views v on v.user_id = k.user_id
  where k.inside and k.action in (2, 3);
end $$;

create function etl.staged_user_hours(hour int, only_users boolean)
returns table (user_id int, minutes bigint) language plpgsql stable as $$
begin
  return query
  select e.user_id, bit_or(1::bigint << (etl.minute_of(e.occurred_at) - 60 * hour))
    | case when bool_or(e.action = 1) then 1::bigint << 60 else 0 end
  from rerun_events e where e.inside and e.user_id is not null
    and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  group by 1;
end $$;

-- Compares the staged hour with what stands, in the snapshot of the caller; returns the raw events of the hour.
create function etl.compare_hour(hour int) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table wrong_facts as
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, sum(n) as n from (
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, 1 as n from rerun_events where inside
    union all
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, -1 from analytics.facts
    where occurred_at >= starts and occurred_at < ends
  ) f group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(n) <> 0;

  -- the day's own rows are right when they are the sum of its hours, this one corrected
  create temporary table wrong_counts as
  with hours as (
    select 1::smallint as size, etl.minute_of(occurred_at) as bucket, event_type, service_id, 1 as events from rerun_events where inside
    union all select 2, hour, event_type, service_id, 1 from rerun_events where inside
    union all select size, bucket, event_type, service_id, -events from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (select size, bucket, event_type, service_id, sum(events) as events from hours group by 1, 2, 3, 4)
  select size, bucket, event_type, service_id, sum(events)::bigint as events from (
    select * from off
    union all select 3, day, event_type, service_id, events from off where size = 2
    union all select 3, day, event_type, service_id, events from analytics.window_counts
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, event_type, service_id, -events from analytics.window_counts where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(events) <> 0;

  create temporary table wrong_revenue as
  with hours as (
    select size, bucket, service_id, currency,
      case when action = 3 then amount else 0 end as revenue, (action = 3)::int as orders,
      case when action = 4 then abs(amount) else 0 end as refunds, (action = 4)::int as refund_count
    from rerun_events cross join lateral (values (1::smallint, etl.minute_of(occurred_at)), (2::smallint, hour)) v (size, bucket)
    where inside and action in (3, 4) and amount is not null
    union all
    select size, bucket, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (
    select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders) as orders, sum(refunds) as refunds,
      sum(refund_count) as refund_count from hours group by 1, 2, 3, 4
  )
  select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders)::bigint as orders,
    sum(refunds) as refunds, sum(refund_count)::bigint as refund_count from (
    select * from off
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from off where size = 2
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from analytics.window_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0 or sum(orders) <> 0 or sum(refunds) <> 0 or sum(refund_count) <> 0;

  create temporary table wrong_product_windows as
  with hours as (
    select product_id, (action = 1)::int as views, (action = 2)::int as carts, (action = 3)::int as purchases from rerun_products
    union all select product_id, -views, -carts, -purchases from analytics.product_windows where size = 2 and bucket = hour
  ), off as (
    select 2::smallint as size, hour as bucket, product_id, sum(views) as views, sum(carts) as carts, sum(purchases) as purchases
    from hours group by 3
  )
  select size, bucket, product_id, sum(views)::int as views, sum(carts)::int as carts, sum(purchases)::int as purchases from (
    select * from off
    union all select 3, day, product_id, views, carts, purchases from off
    union all select 3, day, product_id, views, carts, purchases from analytics.product_windows
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, -views, -carts, -purchases from analytics.product_windows where size = 3 and bucket = day
  ) d group by 1, 2, 3 having sum(views) <> 0 or sum(carts) <> 0 or sum(purchases) <> 0;

  create temporary table wrong_product_revenue as
  with hours as (
    select product_id, currency, amount as revenue from rerun_products
    where action = 3 and amount is not null and currency is not null
    union all select product_id, currency, -revenue from analytics.product_revenue where size = 2 and bucket = hour
  ), off as (select 2::smallint as size, hour as bucket, product_id, currency, sum(revenue) as revenue from hours group by 3, 4)
  select size, bucket, product_id, currency, sum(revenue) as revenue from (
    select * from off
    union all select 3, day, product_id, currency, revenue from off
    union all select 3, day, product_id, currency, revenue from analytics.product_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, currency, -revenue from analytics.product_revenue where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0;

  create temporary table rerun_hours as select * from etl.staged_user_hours(hour, false);
  create temporary table rerun_sessions as select * from etl.staged_sessions(hour, false);
  create temporary table rerun_key_facts as select * from etl.staged_key_facts(hour, false);
  insert into rerun_users
  select coalesce(n.user_id, o.user_id) from rerun_hours n
  full join (select user_id, minutes from analytics.user_hours u where u.hour = hour) o using (user_id)
  where n.minutes is distinct from o.minutes
  union
  select coalesce(n.user_id, o.user_id) from rerun_sessions n
  full join (select * from analytics.sessions where started_at >= starts and started_at < ends) o using (user_id, started_at)
  where (n.ended_at, n.events, n.purchases) is distinct from (o.ended_at, o.events, o.purchases)
  union
  select coalesce(n.user_id, o.user_id) from rerun_key_facts n
  full join (select * from analytics.key_facts where occurred_at >= starts and occurred_at < ends) o using (user_id, occurred_at, action)
  where n.user_id is null or o.user_id is null or n.last_view_at is distinct from o.last_view_at
  union
  select coalesce(n.user_id, o.user_id) from (
    select user_id, bit_or(minutes) >> 60 & 1 = 1 as viewed from (
      select user_id, minutes from rerun_hours
      union all select user_id, minutes from analytics.user_hours u
      where u.hour between 24 * day and 24 * day + 23 and u.hour <> hour) h group by 1
  ) n full join (
    select user_id, view_days & etl.bit_of_day(day) <> 0 as viewed from analytics.user_months
    where month = etl.month_of_day(day) and (days | view_days) & etl.bit_of_day(day) <> 0
  ) o using (user_id) where n.viewed is distinct from o.viewed
  union
  select user_id from analytics.user_months where month = etl.month_of_day(day)
    and view_days & etl.bit_of_day(day) <> 0 and days & etl.bit_of_day(day) = 0
  union
  -- until the facts are right, a new cart may be given a wrong last view
  select user_id from wrong_facts where action = 1 and user_id is not null;

  -- counters of users and sessions: their own error, against the rows that they count
  create temporary table wrong_totals as
  with expected as (
    select size, bucket, events, 0::bigint as users, 0::bigint as sessions, 0::bigint as converted from wrong_counts
    union all select size, bucket, sum(events), 0, 0, 0 from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
    group by 1, 2
    union all select 1, m, 0, count(*), 0, 0 from analytics.user_hours u cross join generate_series(60 * hour, 60 * hour + 59) m
    where u.hour = hour and (minutes >> (m - 60 * hour)) & 1 = 1 group by m
    union all select 2, hour, 0, count(*), 0, 0 from analytics.user_hours u where u.hour = hour
    union all select 3, day, 0, count(*), 0, 0 from analytics.user_months
    where month = etl.month_of_day(day) and days & etl.bit_of_day(day) <> 0
    union all
    select size, bucket, 0, 0, count(*), count(*) filter (where purchases > 0)
    from analytics.sessions cross join lateral (
      values (1::smallint, etl.minute_of(started_at)), (2::smallint, hour)) v (size, bucket)
    where started_at >= starts and started_at < ends group by 1, 2
    union all
    select 3, day, 0, 0, count(*), count(*) filter (where purchases > 0) from analytics.sessions
    where started_at >= etl.start_of_hour(24 * day) and started_at < etl.start_of_hour(24 * day + 24)
    union all
    select size, bucket, -events, -users, -sessions, -converted_sessions from analytics.window_totals
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
  )
  select size, bucket, sum(events)::bigint as events, sum(users)::int as users, sum(sessions)::int as sessions,
    sum(converted)::int as converted_sessions from expected group by 1, 2
  having sum(events) <> 0 or sum(users) <> 0 or sum(sessions) <> 0 or sum(converted) <> 0;

  return (select count(*) from rerun_events where inside);
end $$;

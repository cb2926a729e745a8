-- Sessions of users who are in order, nearly all of a batch, without sorting their events: half the time of the
-- stage, which was a third of a step.

create or replace function etl.open_batch() returns void language plpgsql as $$
begin
  -- the last one that is made
  if to_regclass('pg_temp.batch_users') is not null then return; end if;
  -- `if not exists`: sessions of before this migration have these
  create temporary table if not exists batch (
    occurred_at timestamptz not null, received_at timestamptz not null, xid xid8 not null,
    minute int not null, hour int not null, day int not null,
    service_id int not null, event_type int, action smallint, user_id int, product_id int, currency smallint,
    amount numeric, items json,
    event_type_name text not null, user_key text, product_key text, currency_code text,
    -- only of events whose product has no name yet
    format smallint, payload text
  ) on commit delete rows;
  create temporary table if not exists batch_products (
    hour int not null, day int not null, action smallint not null, product_id int, currency smallint, amount numeric,
    product_key text, format smallint, payload text
  ) on commit delete rows;
  create temporary table if not exists batch_carts (
    user_id int not null, occurred_at timestamptz not null, view_day int, last_view_at timestamptz
  ) on commit delete rows;
  create temporary table batch_users (
    user_id int not null, first timestamptz not null, last timestamptz not null,
    events int not null, purchases int not null,
    -- the user's latest session that begins at most 30 minutes after the last of these events
    session tid, started_at timestamptz, ended_at timestamptz,
    -- the events are one run by themselves, and of all sessions only that one can be near
    simple bool not null
  ) on commit delete rows;
end $$;

-- Stage 6: sessions are intervals. New events can only open, extend or join them, so what is near the new events
-- tells all, whatever the order of arrival, and no raw event is read. A user whose new events are one run by
-- themselves, behind the start of their latest session, extends that session or opens the next; the others'
-- intervals are put together anew (etl.fold_tangled_sessions). A start that appears or goes away is +1 or -1 in
-- the window of that start.
create or replace function etl.fold_sessions() returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into batch_users
  select span.*, near.*, span.last <= span.first + interval '30 minutes' and near.started_at <= span.first is not false
  from (
    select user_id, min(occurred_at) as first, max(occurred_at) as last, count(*) as events,
      count(*) filter (where action = 3) as purchases
    from batch where user_id is not null group by user_id
  ) span
  left join lateral (
    select ctid, started_at, ended_at from analytics.sessions s
    where s.user_id = span.user_id and s.started_at <= span.last + interval '30 minutes'
    order by started_at desc limit 1) near on true;

  with extended as (
    -- by row address: whoever writes sessions holds the cursor, so nobody has moved them
    update analytics.sessions s
    set ended_at = greatest(s.ended_at, b.last), events = s.events + b.events, purchases = s.purchases + b.purchases
    from batch_users b
    where b.simple and s.ctid = b.session and b.first <= b.ended_at + interval '30 minutes'
    returning new.started_at, (new.purchases > 0)::int - (old.purchases > 0)::int as converted
  ), opened as (
    insert into analytics.sessions (user_id, started_at, ended_at, events, purchases)
    select user_id, first, last, events, purchases from batch_users
    where simple and first <= ended_at + interval '30 minutes' is not true order by user_id
    returning started_at, (purchases > 0)::int as converted
  ), moved as (
    select etl.minute_of(started_at) as minute, sum(sessions) as sessions, sum(converted) as converted from (
      select started_at, 1 as sessions, converted from opened
      union all
      select started_at, 0, converted from extended where converted <> 0
    ) d group by 1
  )
  insert into analytics.window_totals as w (size, bucket, sessions, converted_sessions)
  select size, bucket, sum(sessions), sum(converted)
  from moved cross join lateral (values (1::smallint, minute), (2::smallint, etl.hour_of_minute(minute)),
    (3::smallint, etl.day_of_minute(minute))) v (size, bucket)
  group by 1, 2 order by 1, 2
  on conflict (size, bucket) do update set
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions;

  if exists (select from batch_users where not simple) then perform etl.fold_tangled_sessions(); end if;
end $$;

-- The union of the intervals near the new events with those events is exact, in any order.
create function etl.fold_tangled_sessions() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  with span as materialized (
    select user_id, first, last from batch_users where not simple
  ), latest as materialized (
    -- for a user in order this is the only interval near; one probe
    select span.user_id, span.first, near.* from span cross join lateral (
      select ctid as row, started_at, ended_at, events, purchases from analytics.sessions s
      where s.user_id = span.user_id and s.started_at <= span.last + interval '30 minutes'
      order by started_at desc limit 1) near
  ), existing as materialized (
    select user_id, row, started_at, ended_at, events, purchases from latest
    union all
    select latest.user_id, near.row, near.started_at, near.ended_at, near.events, near.purchases
    from latest cross join lateral (
      (select ctid as row, started_at, ended_at, events, purchases from analytics.sessions s
       where s.user_id = latest.user_id and s.started_at <= latest.first order by started_at desc limit 1)
      union all
      (select ctid, started_at, ended_at, events, purchases from analytics.sessions s
       where s.user_id = latest.user_id and s.started_at > latest.first and s.started_at < latest.started_at offset 0)
    ) near where latest.started_at > latest.first
  ), intervals as (
    select user_id, occurred_at as started_at, occurred_at as ended_at, 1 as events, (action = 3)::int as purchases,
      null::tid as row from batch where user_id in (select user_id from span)
    union all
    select user_id, started_at, ended_at, events, purchases, row from existing
  ), opened as (
    select *, case when started_at - max(ended_at) over (partition by user_id order by started_at, ended_at
        rows between unbounded preceding and 1 preceding) <= interval '30 minutes' then 0 else 1 end as opens
    from intervals
  ), numbered as (
    select *, sum(opens) over (partition by user_id order by started_at, ended_at) as run from opened
  ), merged as materialized (
    select user_id, min(started_at) as started_at, max(ended_at) as ended_at, sum(events)::int as events,
      sum(purchases)::int as purchases, array_agg(row) filter (where row is not null) as rows,
      array_agg(started_at) filter (where row is not null) as starts
    from numbered group by user_id, run
  ), deleted as (
    -- by row address: a join would scan the table
    delete from analytics.sessions where ctid = any (array(
      select o.row from merged cross join lateral unnest(rows, starts) o (row, started_at)
      where o.started_at <> merged.started_at))
    returning started_at, purchases
  ), kept as (
    insert into analytics.sessions as s (user_id, started_at, ended_at, events, purchases)
    select user_id, started_at, ended_at, events, purchases from merged order by user_id, started_at
    on conflict (user_id, started_at) do update
    set ended_at = excluded.ended_at, events = excluded.events, purchases = excluded.purchases
    where s.events <> excluded.events
    returning new.started_at, old.started_at as before,
      (new.purchases > 0)::int - coalesce((old.purchases > 0)::int, 0) as converted
  ), moved as (
    select etl.minute_of(started_at) as minute, sum(sessions) as sessions, sum(converted) as converted from (
      select started_at, (before is null)::int as sessions, converted from kept where before is null or converted <> 0
      union all
      select started_at, -1, -(purchases > 0)::int from deleted
    ) d group by 1
  )
  insert into analytics.window_totals as w (size, bucket, sessions, converted_sessions)
  select size, bucket, sum(sessions), sum(converted)
  from moved cross join lateral (values (1::smallint, minute), (2::smallint, etl.hour_of_minute(minute)),
    (3::smallint, etl.day_of_minute(minute))) v (size, bucket)
  group by 1, 2 having sum(sessions) <> 0 or sum(converted) <> 0 order by 1, 2
  on conflict (size, bucket) do update set
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions;
end $$;

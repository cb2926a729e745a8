-- Rebuilds sessions of users whose new events are not one run at the end. The union of the new events with the
-- intervals near them is exact, whatever the order of arrival.
create or replace function etl.fold_tangled_sessions() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  with span as materialized (
    select user_id, first, last from batch_users where not simple
  ), latest as materialized (
    -- for a user in order this is the only interval near: one probe
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

-- Stage 6: sessions are intervals. New events can only open, extend or join sessions, so the sessions near them
-- are sufficient, in any order of arrival, without reading raw events. A user whose new events form one run
-- after the start of their latest session extends that session or opens the next one; the sessions of other
-- users are rebuilt (etl.fold_tangled_sessions). Each start that appears or disappears adds 1 to or subtracts 1
-- from the window of that start.
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
    -- by row address: the only writer of sessions holds the position, so the rows have not moved
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

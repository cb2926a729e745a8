-- Deletes what the analytics keep of users on one day: presence, sessions, carts and purchases; notes what these
-- rows count for in retracted_totals. Rows deleted and hours of presence by user.
create or replace function etl.retract_users(users int[], day int)
returns table (place bigint, deleted int, hours int) language plpgsql set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  first_hour int := 24 * day;
  starts timestamptz := etl.start_of_hour(24 * day);
  ends timestamptz := etl.start_of_hour(24 * day + 24);
  day_bit int := etl.bit_of_day(day);
begin
  return query
  with presence as (
    delete from analytics.user_hours h
    where h.hour = any (array(select generate_series(first_hour, first_hour + 23))) and h.user_id = any (users)
    returning h.hour, h.user_id, h.minutes
  ), cleared as (
    update analytics.user_months m set days = m.days & ~day_bit, view_days = m.view_days & ~day_bit
    where m.month = etl.month_of_day(day) and m.user_id = any (users) and (m.days | m.view_days) & day_bit <> 0
    returning m.user_id, (old.days & day_bit <> 0)::int as present
  ), visits as (
    delete from analytics.sessions s
    where s.user_id = any (users) and s.started_at >= starts and s.started_at < ends
    returning s.user_id, s.started_at, (s.purchases > 0)::int as converted
  ), keyed as (
    delete from analytics.key_facts k
    where k.user_id = any (users) and k.occurred_at >= starts and k.occurred_at < ends
    returning k.user_id
  ), noted as (
    insert into retracted_totals (size, bucket, events, users, sessions, converted)
    select 1, minute, 0, count(*), 0, 0
    from presence p cross join generate_series(60 * p.hour, 60 * p.hour + 59) minute
    where (p.minutes >> (minute - 60 * p.hour)) & 1 = 1 group by minute
    union all select 2, p.hour, 0, count(*), 0, 0 from presence p group by p.hour
    union all select 3, day, 0, sum(present), 0, 0 from cleared having sum(present) > 0
    union all select size, bucket, 0, 0, count(*), sum(converted)
    from (select *, etl.minute_of(started_at) as minute from visits) v
    cross join lateral (values (1, minute), (2, etl.hour_of_minute(minute)), (3, day)) w (size, bucket)
    group by 1, 2
  )
  select u.place, count(*) filter (where r.what is not null)::int, count(*) filter (where r.what = 'hour')::int
  from unnest(users) with ordinality u (id, place)
  left join (
    select user_id, 'hour' as what from presence union all select user_id, 'session' from visits
    union all select user_id, 'key' from keyed
  ) r on r.user_id = u.id
  group by u.place;
  delete from analytics.user_months m
  where m.month = etl.month_of_day(day) and m.user_id = any (users) and m.days = 0 and m.view_days = 0;
end $$;

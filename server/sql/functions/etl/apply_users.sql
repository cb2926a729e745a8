-- Replaces the presence, sessions and key facts of the users in `noted`, and adds the change of what they
-- count for to wrong_totals.
create or replace function etl.apply_users(hour int, noted int[]) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
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
end $$;

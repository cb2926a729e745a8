-- Fills rerun_users: users whose presence, sessions or key facts differ. Their rows are replaced, not corrected by
-- a difference.
create or replace function etl.note_wrong_users(hour int) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
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
end $$;

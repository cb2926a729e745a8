-- Days (since 1970 in UTC) on which the analytics have rows of these users.
create or replace function etl.days_of_users(users int[]) returns table (user_id int, day int) language sql stable
set enable_seqscan = off as $$
  select m.user_id, make_date(m.month / 12, m.month % 12 + 1, 1) - date '1970-01-01' + bit
  from analytics.user_months m cross join generate_series(0, 30) bit
  where m.month = any (array(select generate_series((select min(month) from analytics.user_months),
      (select max(month) from analytics.user_months))))
    and m.user_id = any (users) and ((m.days | m.view_days) >> bit) & 1 = 1
  union
  select s.user_id, etl.day_of_minute(etl.minute_of(s.started_at)) from analytics.sessions s where s.user_id = any (users)
  union
  select k.user_id, etl.day_of_minute(etl.minute_of(k.occurred_at)) from analytics.key_facts k where k.user_id = any (users)
$$;

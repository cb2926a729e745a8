-- Stage 5: distinct users without `count(distinct)`. `returning old` tells which bits are new, and only those
-- raise a counter: the minute's by its bit, the hour's by its row, the day's by its bit of the month.
create or replace function etl.fold_users() returns void language plpgsql set enable_nestloop = off as $$
begin
  with present as materialized (
    select minute, hour, day, user_id, bool_or(action = 1) as viewed from batch
    where user_id is not null group by 1, 2, 3, 4
  ), hours as (
    insert into analytics.user_hours as u
    select hour, user_id, bit_or(1::bigint << (minute - 60 * hour)) | case when bool_or(viewed) then 1::bigint << 60 else 0 end
    from present group by 1, 2 order by 1, 2
    on conflict (hour, user_id) do update set minutes = u.minutes | excluded.minutes
    where u.minutes | excluded.minutes <> u.minutes
    returning new.hour, new.user_id, coalesce(old.minutes, 0) as before
  ), fresh as materialized (
    select p.minute, p.hour, p.day, p.user_id, p.viewed, h.before
    from hours h join present p on p.hour = h.hour and p.user_id = h.user_id
    where (h.before >> (p.minute - 60 * p.hour)) & 1 = 0 or (p.viewed and (h.before >> 60) & 1 = 0)
  ), days as materialized (
    select day, user_id, bool_or(viewed) as viewed from fresh
    where before = 0 or (viewed and (before >> 60) & 1 = 0) group by 1, 2
  ), months as (
    insert into analytics.user_months as u
    select etl.month_of_day(day), user_id, bit_or(etl.bit_of_day(day)),
      coalesce(bit_or(etl.bit_of_day(day)) filter (where viewed), 0)
    from days group by 1, 2 order by 1, 2
    on conflict (month, user_id) do update
    set days = u.days | excluded.days, view_days = u.view_days | excluded.view_days
    where u.days | excluded.days <> u.days or u.view_days | excluded.view_days <> u.view_days
    returning new.month, new.user_id, coalesce(old.days, 0) as before
  ), added as (
    select 1::smallint as size, minute as bucket, count(*) as users from fresh
    where (before >> (minute - 60 * hour)) & 1 = 0 group by 2
    union all
    select 2, hour, count(*) from hours where before = 0 group by 2
    union all
    select 3, d.day, count(*) from days d join months m on m.month = etl.month_of_day(d.day) and m.user_id = d.user_id
    where m.before & etl.bit_of_day(d.day) = 0 group by 2
  )
  insert into analytics.window_totals as w (size, bucket, users)
  select size, bucket, users from added order by 1, 2
  on conflict (size, bucket) do update set users = w.users + excluded.users;
end $$;

-- Takes the rows of retired users (etl.retire_users) on one day back from the windows, at most `most` facts at a time;
-- `more`: call it again. Each row is deleted in the transaction that takes back what it counts for, so a crash
-- in between changes nothing, and the cost follows the rows of these users, not the events of the day. `deleted`: rows by
-- user, in the order of `users`; `hours`: hours in which the user was present.
--
-- On a day whose raw events retention has dropped (`kept`) the totals of users and sessions stay as they are.
create or replace function etl.retract_day(users int[], day int, most int,
  out more boolean, out deleted int[], out hours int[], out kept boolean)
language plpgsql set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  first_hour int := 24 * day;
  starts timestamptz := etl.start_of_hour(24 * day);
  ends timestamptz := etl.start_of_hour(24 * day + 24);
  partition text := etl.facts_partition(day);
  rows tid[];
begin
  perform etl.open_retraction();
  -- a day's facts have no index by user: found before anything is locked
  execute format('select array(select ctid from %s where user_id = any ($1) and occurred_at >= $2 and occurred_at < $3 limit $4)',
    partition) using users, starts, ends, most into rows;
  more := cardinality(rows) = most;
  kept := etl.raw_events_gone(day);

  perform from log.readers where name = 'windows' for no key update;
  execute format('with gone as (
      delete from %s where ctid = any ($1) and user_id = any ($2) and occurred_at >= $3 and occurred_at < $4
      returning *
    )
    insert into retracted_facts
    select minute, etl.hour_of_minute(minute), event_type, service_id, action, currency, amount, user_id
    from gone cross join lateral (select etl.minute_of(occurred_at) as minute offset 0) m', partition)
  using rows, users, starts, ends;
  perform etl.retract_facts(day);
  deleted := array(
    select count(f.user_id)::int from unnest(users) with ordinality u (id, place)
    left join retracted_facts f on f.user_id = u.id group by u.place order by u.place);
  hours := array_fill(0, array[cardinality(users)]);
  if not more then
    select array_agg(f.facts + r.deleted order by r.place), array_agg(r.hours order by r.place) into deleted, hours
    from etl.retract_users(users, day) r join unnest(deleted) with ordinality f (facts, place) on f.place = r.place;
  end if;
  if kept then delete from retracted_totals where events = 0; end if;

  merge into analytics.window_totals w using (
    select t.size, t.bucket, sum(t.events) as events, sum(t.users) as users, sum(t.sessions) as sessions,
      sum(t.converted) as converted
    from retracted_totals t group by 1, 2 order by 1, 2
  ) a on w.size = a.size and w.bucket = a.bucket
  when matched and w.events = a.events then delete
  when matched then update set events = w.events - a.events, users = w.users - a.users,
    sessions = w.sessions - a.sessions, converted_sessions = w.converted_sessions - a.converted, updated_at = now();

  insert into etl.retractions as r (hour, xid)
  select hour, pg_current_xact_id() from generate_series(first_hour, first_hour + 23) hour
  on conflict (hour) do update set xid = excluded.xid;
end $$;

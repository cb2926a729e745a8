-- Adds the differences of the totals to their windows, and deletes windows without events.
create or replace function etl.apply_totals() returns void language plpgsql as $$
begin
  insert into analytics.window_totals as w (size, bucket, events, users, sessions, converted_sessions)
  select size, bucket, sum(events), sum(users), sum(sessions), sum(converted_sessions) from wrong_totals group by 1, 2
  on conflict (size, bucket) do update set events = w.events + excluded.events, users = w.users + excluded.users,
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions,
    updated_at = now();
  delete from analytics.window_totals w using wrong_totals o where w.size = o.size and w.bucket = o.bucket and w.events = 0;
end $$;

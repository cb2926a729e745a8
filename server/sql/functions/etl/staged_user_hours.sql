-- Presence of users in the staged hour: a bit per minute, and bit 60 for a product view.
create or replace function etl.staged_user_hours(hour int, only_users boolean)
returns table (user_id int, minutes bigint) language plpgsql stable as $$
begin
  return query
  select e.user_id, bit_or(1::bigint << (etl.minute_of(e.occurred_at) - 60 * hour))
    | case when bool_or(e.action = 1) then 1::bigint << 60 else 0 end
  from rerun_events e where e.inside and e.user_id is not null
    and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  group by 1;
end $$;

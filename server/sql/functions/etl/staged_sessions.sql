-- Sessions that start in the hour, computed from the staged events.
create or replace function etl.staged_sessions(hour int, only_users boolean)
returns table (user_id int, started_at timestamptz, ended_at timestamptz, events int, purchases int)
language plpgsql stable as $$
begin
  return query
  select r.user_id, min(r.occurred_at), max(r.occurred_at), count(*)::int, count(*) filter (where action = 3)::int
  from (
    select o.*, sum(opens) over (partition by o.user_id order by o.occurred_at) as run from (
      select e.user_id, e.occurred_at, e.action,
        case when e.occurred_at - lag(e.occurred_at) over (partition by e.user_id order by e.occurred_at)
          <= interval '30 minutes' then 0 else 1 end as opens
      from rerun_events e where e.user_id is not null
        and (not only_users or e.user_id in (select x.user_id from rerun_users x))
    ) o
  ) r group by r.user_id, run
  having min(r.occurred_at) >= etl.start_of_hour(hour) and min(r.occurred_at) < etl.start_of_hour(hour + 1);
end $$;

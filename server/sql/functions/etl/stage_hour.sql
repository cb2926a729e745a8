-- Stages the hour, the half hour before it (to determine whether a session starts in the hour), and as much after it
-- as its sessions last.
create or replace function etl.stage_hour("position" pg_snapshot, hour int) returns void language plpgsql as $$
declare
  until_at timestamptz := etl.start_of_hour(hour + 1) + interval '30 minutes';
  next_at timestamptz;
  unfinished int[];
begin
  perform etl.stage_events("position", etl.start_of_hour(hour) - interval '30 minutes', until_at, hour, null);
  insert into rerun_covered select distinct user_id, until_at from rerun_events where user_id is not null;
  loop
    select array_agg(s.user_id) into unfinished from etl.staged_sessions(hour, false) s
    join rerun_covered c on c.user_id = s.user_id where s.ended_at >= c.until - interval '30 minutes';
    exit when unfinished is null;
    -- no event is more than a day in the future
    next_at := case when until_at > now() + interval '25 hours' then 'infinity' else until_at + (until_at - etl.start_of_hour(hour)) end;
    perform etl.stage_events("position", until_at, next_at, hour, unfinished);
    update rerun_covered set until = next_at where user_id = any (unfinished);
    until_at := next_at;
  end loop;
  create temporary table rerun_products as
  select e.action, e.currency, coalesce(p.id, e.product_id) as product_id,
    case when e.items is null then e.amount else i.amount end as amount
  from rerun_events e
  left join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(e.items) item where item ->> 'id' is not null group by 1) i on true
  left join analytics.products p on p.key = i.key
  where e.inside and e.action between 1 and 3 and (i.key is not null or (e.items is null and e.product_id is not null));
  analyze rerun_events;
end $$;

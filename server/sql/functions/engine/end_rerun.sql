-- Ends a rerun: done, or failed with `error`. The list of windows shows it as a run of each day.
--
-- Errors: WF001 fenced.
create or replace function engine.end_rerun(rerun bigint, token bigint, error text) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  ended engine.reruns;
begin
  perform from engine.reruns r where r.id = rerun for update;
  perform engine.demand_rerun(rerun, token, null);
  update engine.reruns r set state = case when error is null then 'done' else 'failed' end, error = left(error, 500),
    finished_at = clock_timestamp() where r.id = rerun returning * into ended;
  insert into etl.window_runs (size, start, state, requested_by, requested_at, started_at, finished_at, attempts, rows, changed, error)
  select 'day', etl.start_of_hour(24 * d.day), ended.state, ended.requested_by, ended.requested_at, ended.started_at,
    ended.finished_at, ended.token, d.rows, d.changed, ended.error
  from (
    select floor(h.hour / 24::float8)::int as day, sum(h.rows) filter (where h.pass = ended.pass) as rows, bool_or(h.changed) as changed
    from engine.rerun_hours h where h.rerun = rerun group by 1
  ) d
  -- days of which a part was recomputed are not shown as recomputed
  where 24 * d.day >= ended.first_hour and 24 * d.day + 24 <= ended.until_hour;
end $$;

grant execute on function engine.end_rerun to weir_spark;

-- The hours that the current pass of a rerun still lacks, by day: hours of a day are done one after another, days side by
-- side. Without any, the pass has ended: another one begins if hours have changed, else the rerun is done and no row
-- comes back.
--
-- A pass that changes nothing has compared every hour with the same analytics, whatever the order of the days was. A cart's
-- last view may lie in an earlier day, a purchase depends on the last cart: the third pass is the last that can find anything
-- but new damage.
--
-- Errors: WF001 fenced.
create or replace function engine.rerun_work(rerun bigint, token bigint) returns table (pass int, day int, hours int[])
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  most_passes constant int := 6;
  current engine.reruns;
  changed_hours bigint;
begin
  perform from engine.reruns r where r.id = rerun for update;
  current := engine.demand_rerun(rerun, token, null);
  loop
    return query
    select current.pass, floor(h / 24::float8)::int, array_agg(h order by h) from generate_series(current.first_hour, current.until_hour - 1) h
    where not exists (
      select from engine.rerun_hours d where d.rerun = rerun and d.pass = current.pass and d.hour = h) group by 2 order by 2;
    if found then return; end if;
    select count(*) into changed_hours from engine.rerun_hours d where d.rerun = rerun and d.pass = current.pass and d.changed;
    exit when changed_hours = 0 or current.pass >= most_passes;
    update engine.reruns r set pass = r.pass + 1, changed = true where r.id = rerun returning * into current;
  end loop;
  if changed_hours > 0 then
    perform engine.end_rerun(rerun, token, changed_hours || ' hours were still changed by pass ' || most_passes);
  else
    perform engine.end_rerun(rerun, token, null);
  end if;
end $$;

grant execute on function engine.rerun_work to weir_spark;

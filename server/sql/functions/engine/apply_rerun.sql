-- Fixes what engine.stage_rerun found in this session, and notes that the hour is done, in one transaction. False: something
-- changed in between, and the hour must be staged again.
--
-- Errors: WF001 fenced; WE003 retention has dropped raw events of the hour.
create or replace function engine.apply_rerun(rerun bigint, token bigint, pass int, hour int) returns boolean language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
begin
  if to_regclass('pg_temp.rerun_staged') is null then
    raise exception 'hour % is not staged in this session', hour using errcode = '25000';
  end if;
  perform engine.refuse_own_tables();
  perform engine.demand_rerun(rerun, token, pass);
  if etl.apply_rerun(null, hour) <> 'applied' then return false; end if;
  insert into engine.rerun_hours (rerun, pass, hour, rows, changed)
  select rerun, pass, hour, s.rows, s.changed from rerun_staged s
  on conflict do nothing;
  return true;
end $$;

grant execute on function engine.apply_rerun to weir_spark;

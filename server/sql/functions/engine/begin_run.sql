-- Begins a run of the Spark job and returns its epoch. Earlier runs are refused from now on. `contract` is the version
-- that the job was written for.
--
-- Errors: WE002 another version of the contract; WF001 the built-in engine folds the windows.
create or replace function engine.begin_run(contract int, owner text, checkpoint text) returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  run_epoch bigint;
begin
  perform engine.demand_contract(contract, 1);
  perform from log.readers where name = 'windows' for no key update;
  if (select s.engine from engine.state s) <> 'spark' then perform engine.demand(null); end if;
  update engine.state s set epoch = s.epoch + 1 returning s.epoch into run_epoch;
  insert into engine.runs (epoch, owner, checkpoint) values (run_epoch, left(owner, 200), left(checkpoint, 200));
  delete from engine.runs r where r.epoch <= run_epoch - 20;
  delete from engine.staged;
  return run_epoch;
end $$;

grant execute on function engine.begin_run to weir_spark;

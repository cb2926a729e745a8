-- Refuses a run of Spark that another one, or the built-in engine, has replaced. Hold the position of the windows.
create or replace function engine.demand(run_epoch bigint) returns void language plpgsql as $$
declare
  current engine.state;
begin
  select * into current from engine.state;
  if current.engine <> 'spark' then
    raise exception 'fenced: the built-in engine folds the windows now' using errcode = 'WF001',
      hint = 'Run "weir engine use spark" and start the job again.';
  end if;
  if current.epoch is distinct from run_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', run_epoch, current.epoch using errcode = 'WF001';
  end if;
end $$;

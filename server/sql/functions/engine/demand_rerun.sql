-- Refuses a job whose rerun another job continues, or that has ended, and a task of an earlier pass. Null: any pass. Holds the rerun until the end of the transaction, so
-- that no other job takes it over in between.
create or replace function engine.demand_rerun(rerun bigint, token bigint, pass int) returns engine.reruns language plpgsql as $$
#variable_conflict use_variable
declare
  found_rerun engine.reruns;
begin
  select * into found_rerun from engine.reruns r where r.id = rerun for key share;
  if found_rerun.state is distinct from 'open' or found_rerun.token <> token or found_rerun.pass <> pass then
    raise exception 'fenced: another job continues rerun %, or it has ended', rerun using errcode = 'WF001';
  end if;
  return found_rerun;
end $$;

-- Computes an hour of a rerun from raw events and compares it (docs/spark-contract.md). Call it in a transaction of isolation
-- level repeatable read, and engine.apply_rerun in the next one of the same session. Holds no lock.
--
-- Errors: WF001 fenced; WE003 retention has dropped raw events of the hour; 25000 another isolation level; 42501 the session
-- has temporary tables of its own.
create or replace function engine.stage_rerun(rerun bigint, token bigint, pass int, hour int) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  current engine.reruns;
begin
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception 'an hour is staged in a transaction of isolation level repeatable read' using errcode = '25000';
  end if;
  perform engine.refuse_own_tables();
  select * into current from engine.reruns r where r.id = rerun;
  if current.state is distinct from 'open' or current.token <> token or current.pass <> pass
    or hour < current.first_hour or hour >= current.until_hour then
    raise exception 'fenced: another job continues rerun %, or it has ended', rerun using errcode = 'WF001';
  end if;
  perform etl.stage_rerun(hour);
end $$;

grant execute on function engine.stage_rerun to weir_spark;

-- Begins or continues a rerun and returns the token for it. Every earlier job of this rerun is refused from now on.
--
-- Errors: WE002 another version of the contract; WF001 the rerun has ended.
create or replace function engine.begin_rerun(contract int, rerun bigint, owner text) returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  new_token bigint;
begin
  perform engine.demand_contract(contract, 2);
  -- not only the columns that engine.demand_rerun leaves to others: waits for transactions of earlier jobs
  perform from engine.reruns r where r.id = rerun for update;
  update engine.reruns r set token = r.token + 1, owner = left(owner, 200), started_at = coalesce(r.started_at, clock_timestamp())
  where r.id = rerun and r.state = 'open' returning r.token into new_token;
  if new_token is null then raise exception 'fenced: rerun % has ended', rerun using errcode = 'WF001'; end if;
  return new_token;
end $$;

grant execute on function engine.begin_rerun to weir_spark;

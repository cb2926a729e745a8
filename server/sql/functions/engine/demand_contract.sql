-- Refuses a job whose version of the contract this database does not serve: older than `oldest`, or newer than its own.
create or replace function engine.demand_contract(contract int, oldest int) returns void language plpgsql as $$
begin
  if contract between oldest and engine.contract() then return; end if;
  raise exception 'the job speaks version % of the contract, and this database version %', contract, engine.contract()
  using errcode = 'WE002', hint = 'Install the job that belongs to this version of Weir, or run "weir migrate".';
end $$;

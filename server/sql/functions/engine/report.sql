-- Keeps what a run of the Spark job says about itself (docs/spark-contract.md); this is also its heartbeat.
create or replace function engine.report(run_epoch bigint, report jsonb) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
begin
  perform engine.demand(run_epoch);
  if octet_length(report::text) > 16384 then
    raise exception 'a report has at most 16 KiB' using errcode = '22001';
  end if;
  update engine.runs r set report = report, reported_at = clock_timestamp() where r.epoch = run_epoch;
end $$;

grant execute on function engine.report to weir_spark;

-- What processes without HTTP measure, for the one that is asked for metrics.
create schema telemetry;
create table telemetry.processes (
  -- part, host and process
  name text primary key,
  at timestamptz not null,
  metrics jsonb not null
) with (fillfactor = 50);
grant usage on schema telemetry to weir_app;
grant select, insert, update, delete on telemetry.processes to weir_app;

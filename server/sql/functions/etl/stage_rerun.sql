-- Computes an hour from raw events, compares it with the analytics, and keeps the result in the session's work tables for
-- etl.apply_rerun. Call it in a transaction of isolation level repeatable read, so that position and analytics agree.
-- Holds no lock. `rows`: raw events of the hour; `changed`: whether any number is wrong.
--
-- Error WE003: retention has dropped raw events of the hour.
create or replace function etl.stage_rerun(hour int, out rows bigint, out changed boolean) language plpgsql
set enable_seqscan = off set work_mem = '64MB' as $$
#variable_conflict use_variable
declare
  staged log.readers;
begin
  perform etl.demand_raw_events(hour);
  select * into staged from log.readers where name = 'windows';
  perform etl.open_rerun();
  insert into rerun_folded select xid, event_id, service_id from engine.folded;
  perform etl.stage_hour(staged."position", hour);
  perform etl.stage_last_views(hour);
  rows := etl.compare_hour(hour);
  changed := exists (select from wrong_facts) or exists (select from wrong_counts) or exists (select from wrong_totals)
    or exists (select from wrong_revenue) or exists (select from wrong_product_windows)
    or exists (select from wrong_product_revenue) or exists (select from rerun_users);
  insert into rerun_staged (hour, reader, seen, revision, rows, changed)
  values (hour, staged, pg_current_snapshot(), etl.day_revision(hour), rows, changed);
end $$;

-- Replaces the windows of one hour from raw events while the live ETL continues. A rerun of a minute replaces its
-- hour, a rerun of a day replaces its 24 hours, and every hour also corrects the day's rows.
--
-- 1. stage (no lock): in one snapshot, in which `position` and the analytics agree, compute the hour from raw
--    events and compare. Wrong sums become differences; users with a wrong presence, session or key fact are
--    recorded.
-- 2. apply (short, holding the position): delete wrong rows and insert correct ones. Sums are corrected by their
--    difference, so what the live ETL added meanwhile is kept. For the recorded users, raw events read since are
--    added to the staged ones before their rows are replaced.
-- Correct rows are not rewritten: the live ETL waits in proportion to the damage, not to the size of the window.
--
-- An erasure may take events back from the hour in between, or separate the history of a user in it: the hour is then
-- staged again, as often as that happens, because the erasure ends.
--
-- Call it outside a transaction. One call replaces one hour, so a client that freezes or dies between calls
-- holds no lock. `rows`: raw events of the hour; `changed`: whether any number was wrong.
create or replace procedure etl.rerun_hour(worker_epoch bigint, hour int, inout rows bigint, inout changed boolean)
language plpgsql as $$
declare
  staged log.readers;
  seen pg_snapshot;
  attempts int := 0;
begin
  while attempts < 5 loop
    commit;
    set transaction isolation level repeatable read;
    perform set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true);
    select * into staged from log.readers where name = 'windows';
    seen := pg_current_snapshot();
    perform etl.open_rerun();
    insert into rerun_folded select xid, event_id, service_id from engine.folded;
    perform etl.stage_hour(staged."position", hour);
    perform etl.stage_last_views(hour);
    rows := etl.compare_hour(hour);
    changed := exists (select from wrong_facts) or exists (select from wrong_counts) or exists (select from wrong_totals)
      or exists (select from wrong_revenue) or exists (select from wrong_product_windows)
      or exists (select from wrong_product_revenue) or exists (select from rerun_users);
    commit;
    if not changed then return; end if;
    perform from log.readers where name = 'windows' for no key update;
    continue when etl.was_retracted(hour, seen);
    if etl.apply_hour(worker_epoch, hour, staged) then return; end if;
    attempts := attempts + 1;
  end loop;
  raise exception 'events kept arriving for sessions of hour % while it was replaced', hour;
end $$;

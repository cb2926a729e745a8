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
-- An erasure may take events back from the hour in between, or separate the history of a user in it, and another rerun
-- may change the day: the hour is then staged again, as often as that happens, because they end.
--
-- Call it outside a transaction. One call replaces one hour, so a client that freezes or dies between calls
-- holds no lock. `rows`: raw events of the hour; `changed`: whether any number was wrong.
create or replace procedure etl.rerun_hour(worker_epoch bigint, hour int, inout rows bigint, inout changed boolean)
language plpgsql as $$
declare
  attempts int := 0;
begin
  while attempts < 5 loop
    commit;
    set transaction isolation level repeatable read;
    select s.rows, s.changed into rows, changed from etl.stage_rerun(hour) s;
    commit;
    case etl.apply_rerun(worker_epoch, hour)
      when 'applied' then return;
      when 'extended' then attempts := attempts + 1;
      else null;
    end case;
  end loop;
  raise exception 'events kept arriving for sessions of hour % while it was replaced', hour;
end $$;

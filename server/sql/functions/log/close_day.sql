-- From now on the day's partition notes who writes to it. Creating the trigger waits for transactions that
-- have already written to it: their rows are visible to every snapshot taken after this commits.
create or replace function log.close_day(day regclass) returns void language plpgsql as $$
begin
  execute format('create trigger closed before insert on %s for each row execute function log.note_reopening()', day);
end $$;

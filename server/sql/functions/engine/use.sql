-- Makes an engine fold the windows from now on; returns whether that changed anything. Waits for the batch in progress,
-- and needs nothing from the other engine, which may be dead: its later batches are refused. Nothing is handed over,
-- because an engine folds exactly what has not been folded.
create or replace function engine.use(next_engine text, by text) returns boolean language plpgsql as $$
begin
  perform from log.readers where name = 'windows' for no key update;
  update engine.state s set engine = next_engine, epoch = s.epoch + 1, changed_at = clock_timestamp(), changed_by = by
  where s.engine <> next_engine;
  if not found then return false; end if;
  if next_engine = 'builtin' then delete from engine.staged; end if;
  perform pg_notify('weir_raw', ''), pg_notify('weir_engine', '');
  return true;
end $$;

-- One step of the built-in engine: folds one batch into exact windows in one transaction, the position included, so a batch
-- counts once or not at all. Each stage is one function over the batch (a temporary table) whose comment explains
-- its form; figures: docs/decisions/ and bench/RESULTS.md.
--
-- The cost must follow the new events, never the history, so every statement is an index probe per row or an
-- aggregate over the batch. Settings keep it so: a plan made while a table was empty must not become a sequential
-- scan, and joins between results without statistics must not become nested loops.
--
-- Call it as a single statement: a client that freezes then holds no lock. The epoch is a fencing token: after a
-- takeover, steps of the previous worker fail with WF001. Processes of the previous version pass
-- `longest_write`, which is no longer needed.
--
-- While Spark folds the windows (engine.state), a step folds nothing. When it takes over again, it leaves out what Spark
-- has folded (engine.folded).
create or replace function etl.step(worker_epoch bigint, max_events int, longest_write interval default '10 seconds',
  out events int, out more boolean, out stage_us int[])
language plpgsql set enable_seqscan = off as $$
declare
  reader log.readers;
  open_since timestamptz;
  unread_since timestamptz;
  seen pg_snapshot;
  asked_at timestamptz;
  last_xid xid8;
  last_received timestamptz;
  is_misdated boolean;
  has_folded boolean;
  page record;
  since timestamptz := clock_timestamp();
begin
  perform etl.open_batch();
  -- as in log.next_page
  perform log.incarnation();
  select * into reader from log.readers where name = 'windows' for no key update;
  if reader.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, reader.epoch using errcode = 'WF001';
  end if;

  if (select s.engine from engine.state s) <> 'builtin' then
    -- Spark moves the position with its batches; without new events it makes none
    if log.is_due(reader.read_at) then perform engine.advance(reader, 0); end if;
    events := 0;
    more := false;
    stage_us := array[(extract(epoch from clock_timestamp() - since) * 1e6)::int];
    return;
  end if;

  asked_at := clock_timestamp();
  -- as in log.next_page
  select pg_current_snapshot(), o.since into seen, open_since from log.open_days o;
  unread_since := log.since(reader.position, reader.since);
  has_folded := exists (select from engine.folded);
  if has_folded then
    -- the batch leaves out what Spark has folded, so it does not say where the page ends
    select * into page from log.next_page('windows', max_events);
    seen := page.to_position;
    perform etl.read_batch(reader.position, seen, unread_since, null);
  else
    more := etl.read_batch(reader.position, seen, unread_since, max_events);
  end if;
  select count(*), max(xid), max(received_at), bool_or(occurred_at > received_at + interval '25 hours')
  into events, last_xid, last_received, is_misdated from batch;
  if is_misdated then perform etl.note_misdated(); end if;
  stage_us := array[(extract(epoch from clock_timestamp() - since) * 1e6)::int];

  if events > 0 then stage_us := etl.fold(stage_us); end if;

  if has_folded then
    more := page.more;
    open_since := page.next_since;
    asked_at := page.next_read_at;
  elsif more then
    seen := log.position_after(seen, last_xid);
    open_since := unread_since;
    asked_at := least(asked_at, last_received);
  end if;
  if events > 0 or has_folded or log.is_due(reader.read_at) then
    perform log.advance('windows', reader.position, seen, open_since, asked_at, events);
    if has_folded then perform engine.forget(seen); end if;
  end if;
end $$;

-- Folds a micro-batch of Spark into the windows, in one transaction (docs/spark-contract.md). Its tasks have staged
-- their events in engine.staged, each under a token of its own; `counts` says how many events belong to each token.
--
-- Safe to repeat: what either engine has folded already is left out, whatever the batch is called. `checkpoint` and
-- `batch_id` are for people. The stages are those of etl.step.
--
-- Returns how many events were staged, folded now, folded before (duplicates included), and not in the raw log (`gone`);
-- and what the windows still lack: `behind` events, counted up to 1,000, the oldest of them `lag_ms` old.
--
-- Errors: WF001 fenced; WE001 staged events are missing: stage the batch again.
create or replace function engine.fold_batch(epoch bigint, checkpoint text, batch_id bigint, tokens uuid[], counts int[],
  out staged int, out folded int, out known int, out gone int, out behind bigint, out lag_ms bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set work_mem = '64MB' as $$
#variable_conflict use_variable
declare
  reader log.readers;
  batch_read record;
  is_complete boolean;
begin
  -- Spark forgets the messages of a batch once the answer says that it is folded
  if current_setting('synchronous_commit') = 'off' then perform set_config('synchronous_commit', 'on', true); end if;
  perform engine.open_batch();
  -- as in log.next_page
  perform log.incarnation();
  select * into reader from log.readers where name = 'windows' for no key update;
  perform engine.demand(epoch);

  select coalesce(sum(t.events), 0),
    coalesce(bool_and(t.events = (select count(*) from engine.staged s where s.token = t.token)), true)
  into staged, is_complete from unnest(tokens, counts) t (token, events);
  if not is_complete then
    raise exception 'staged events of the batch are missing' using errcode = 'WE001',
      hint = 'Stage the batch again: PostgreSQL has restarted after a crash, or the batch waited for too long.';
  end if;

  batch_read := engine.read_batch(tokens, reader.position, log.since(reader.position, reader.since));
  if exists (select from batch where occurred_at > received_at + interval '25 hours') then perform etl.note_misdated(); end if;
  folded := (select count(*) from batch);
  if folded > 0 then perform etl.fold('{}'); end if;
  known := staged - folded - (batch_read.candidates - batch_read.present);
  gone := batch_read.candidates - batch_read.present;

  perform engine.advance(reader, folded);
  delete from engine.staged s where s.token = any (tokens);
  update engine.runs r set batch_id = batch_id, batches = r.batches + 1, events = r.events + folded, folded_at = clock_timestamp()
  where r.epoch = epoch;
  select l.events, l.age_seconds * 1000 into behind, lag_ms from log.lag('windows', 1000) l;
end $$;

grant execute on function engine.fold_batch to weir_spark;

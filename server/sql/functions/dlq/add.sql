-- Keeps what could not be processed; returns the dead letter's id. Call it in the transaction that skips
-- the event or message, so that it is either processed or a dead letter. A dead letter that exists already,
-- in any state, is reopened with one more attempt; its original bytes and its edited version are kept.
create or replace function dlq.add(part text, source_key text, source jsonb, reason text, error text, original bytea,
  user_key text, content_type text default 'application/json')
returns uuid language sql as $$
  insert into dlq.letters as l (part, source_key, source, reason, error, original, user_key, content_type)
  values ($1, $2, $3, left($4, 100), left($5, 4000), $6, $7, $8)
  on conflict (part, source_key) do update
  set source = excluded.source, reason = excluded.reason, error = excluded.error,
    user_key = excluded.user_key, attempts = l.attempts + 1, last_at = excluded.last_at,
    state = 'open', resolved_at = null, replay_id = null
  returning id
$$;

grant execute on function dlq.add to weir_app;

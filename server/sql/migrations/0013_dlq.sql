-- Dead letters: what a part could not process, whole, until somebody resolves or discards it; and the jobs
-- that give letters back to their part.
create schema dlq;

create table dlq.replays (
  id uuid primary key default uuidv7(),
  -- what was asked for: ids, or the filter of the list
  filter jsonb not null,
  requested_by text not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'cancelled')),
  total int not null default 0,
  done int not null default 0,
  failed int not null default 0,
  requested_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  -- what the letters need is away: nobody works on the job before this instant
  paused_until timestamptz,
  pauses int not null default 0,
  problem text
);
create index replays_open on dlq.replays (id) where state in ('queued', 'running');

create table dlq.letters (
  -- UUIDv7: in order of arrival
  id uuid primary key default uuidv7(),
  part text not null check (length(part) between 1 and 64),
  -- names the thing within its part: the same thing that fails again is the same letter
  source_key text not null check (length(source_key) between 1 and 1000),
  -- where it came from: topic, partition and offset; or the raw event
  source jsonb not null,
  reason text not null check (length(reason) between 1 and 100),
  error text not null,
  -- the bytes as they came, never changed; `edited` is what is replayed instead
  original bytea not null,
  edited bytea,
  content_type text not null,
  -- for the right to be forgotten
  user_key text,
  attempts int not null default 1,
  first_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  state text not null default 'open' check (state in ('open', 'replaying', 'resolved', 'discarded')),
  -- when it was resolved or discarded
  resolved_at timestamptz,
  replay_id uuid references dlq.replays (id),
  bytes int not null generated always as (octet_length(original) + coalesce(octet_length(edited), 0)) stored,
  unique (part, source_key),
  constraint letters_replaying check ((state = 'replaying') = (replay_id is not null)),
  constraint letters_resolved check ((state in ('resolved', 'discarded')) = (resolved_at is not null))
);
create index letters_newest on dlq.letters (last_at desc, id desc);
create index letters_state on dlq.letters (state, last_at desc, id desc);
create index letters_groups on dlq.letters (state, part, reason) include (bytes);
create index letters_replay on dlq.letters (replay_id, id) where state = 'replaying';
create index letters_user on dlq.letters (user_key) where user_key is not null;

-- Keeps what could not be processed. Call it in the transaction that passes over the thing, so that it is
-- either processed or a letter. A letter that is there already, in whatever state, is open again with one
-- attempt more; its first bytes and their edition stay.
create function dlq.add(part text, source_key text, source jsonb, reason text, error text, original bytea,
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

grant usage on schema dlq to weir_app;
grant select, insert, update, delete on all tables in schema dlq to weir_app;
revoke execute on all functions in schema dlq from public;
grant execute on all functions in schema dlq to weir_app;

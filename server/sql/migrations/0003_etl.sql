-- How far the raw log has been read, by whom, and what was rerun.
create schema etl;

-- Rows are new to a reader when their xid is visible now and was not visible in `position`.
-- Written only by the transaction that also writes what was made of those rows.
create table etl.cursors (
  reader text primary key,
  -- Fencing: work is taken only from the worker that names this epoch (see etl.leases).
  epoch bigint not null default 0,
  position pg_snapshot not null,
  -- Every event committed before this instant is behind `position`.
  read_at timestamptz not null,
  events bigint not null default 0
);
-- The windows start at the first event ever written.
insert into etl.cursors (reader, position, read_at) values ('windows', '1:1:', 'epoch');

-- Who works for a reader. Apart from the cursor, so that a heartbeat never waits for a long step.
create table etl.leases (
  reader text primary key,
  epoch bigint not null,
  owner text not null,
  heartbeat_at timestamptz not null
);

-- What an event type means: configuration, as last synchronised (1 view, 2 cart, 3 purchase, 4 refund, 5 search).
-- A type that is not here means nothing: action 0.
create table etl.event_type_actions (
  name text primary key,
  action smallint not null check (action between 1 and 5)
);

create table etl.window_runs (
  id bigint generated always as identity primary key,
  size text not null check (size in ('minute', 'hour', 'day')),
  start timestamptz not null,
  state text not null check (state in ('queued', 'running', 'done', 'failed')),
  requested_by text not null,
  requested_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  attempts int not null default 0,
  rows bigint,
  changed boolean,
  error text
);
create index window_runs_window on etl.window_runs (size, start, id desc);
create index window_runs_open on etl.window_runs (id) where state in ('queued', 'running');

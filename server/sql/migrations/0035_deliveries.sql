-- Deliveries: accepted events on their way to subscribers (docs/decisions/0066-one-process-delivers.md). The common
-- position is the reader `deliveries` of log.readers; a subscription that is behind has a reader of its own.
create schema deliveries;
grant usage on schema deliveries to weir_app;
alter default privileges in schema deliveries grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema deliveries grant usage, select on sequences to weir_app;
alter default privileges in schema deliveries grant execute on functions to weir_app;

create table deliveries.state (
  only_row boolean primary key default true check (only_row),
  -- One process delivers at a time: another one takes over when the heartbeat no longer changes. Each takeover raises
  -- the epoch, which every transaction of the process compares.
  epoch bigint not null default 0,
  owner text,
  heartbeat_at timestamptz not null default 'epoch',
  -- Grows with each change of a subscription. Whoever turns events into deliveries holds the row shared.
  revision bigint not null default 0
) with (fillfactor = 50);
insert into deliveries.state default values;

create table deliveries.subscriptions (
  id uuid primary key,
  name text not null unique,
  url text not null,
  -- exact names, or a prefix followed by `*`; empty: all
  event_types text[] not null default '{}',
  -- names of services; empty: all
  sources text[] not null default '{}',
  filter jsonb,
  -- JSON Pointers into the body's `data`; null: all of it
  projection text[],
  order_by text check (order_by in ('user', 'product', 'order')),
  concurrency int not null,
  state text not null default 'active' check (state in ('active', 'paused', 'disabled')),
  state_reason text,
  state_since timestamptz not null default clock_timestamp(),
  -- Events that it shows are older than the subscription, or were read by its own reader. Valid in its incarnation only.
  start_position pg_snapshot,
  start_incarnation text,
  -- its own reader of the raw log; null: the common one
  reader text,
  -- of the attempts since the last success
  failing_since timestamptz,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

-- Two are valid at once during a rotation.
create table deliveries.secrets (
  subscription_id uuid not null references deliveries.subscriptions on delete cascade,
  secret text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  primary key (subscription_id, secret)
);

create table deliveries.replays (
  id uuid primary key,
  subscription_id uuid not null references deliveries.subscriptions on delete cascade,
  received_from timestamptz not null,
  -- null: until the request
  received_to timestamptz,
  reader text not null,
  -- Events after it are delivered without the replay. Valid in its incarnation only.
  end_position pg_snapshot not null,
  end_incarnation text not null,
  state text not null default 'running' check (state in ('running', 'done')),
  deliveries bigint not null default 0,
  requested_by text not null,
  requested_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
create index replays_subscription on deliveries.replays (subscription_id, requested_at);

create table deliveries.deliveries (
  -- in the order of the log
  id bigint generated always as identity primary key,
  -- without a foreign key: those of a deleted subscription are deleted little by little
  subscription_id uuid not null,
  service_id int not null,
  event_id uuid not null,
  event_type text not null,
  user_key text,
  -- one delivery of a key at a time
  order_key text,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  due_at timestamptz not null default clock_timestamp(),
  attempts int not null default 0,
  body text not null,
  bytes int not null,
  replay_id uuid,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  last_error text
) with (autovacuum_vacuum_scale_factor = 0.02);
create index deliveries_due on deliveries.deliveries (subscription_id, due_at, id) where state = 'pending';
create index deliveries_order on deliveries.deliveries (subscription_id, order_key, id)
  where state = 'pending' and order_key is not null;
create index deliveries_log on deliveries.deliveries (subscription_id, id);
create index deliveries_user on deliveries.deliveries (user_key) where user_key is not null;
create index deliveries_finished on deliveries.deliveries (finished_at) where finished_at is not null;

create table deliveries.attempts (
  delivery_id bigint not null references deliveries.deliveries on delete cascade,
  number int not null,
  at timestamptz not null,
  latency_ms real not null,
  -- of the answer; null when there was none
  status int,
  error text,
  answer text,
  primary key (delivery_id, number)
);

-- Reruns of windows by the Spark job (docs/decisions/0069-a-rerun-on-many-connections.md).

-- How often reruns have changed a day. One that was computed before another changed the same day is computed again:
-- both would correct the same difference.
create table etl.day_revisions (
  day int primary key,
  revision bigint not null
);

-- A range of hours that the Spark job recomputes.
create table engine.reruns (
  id bigint generated always as identity primary key,
  -- hours since 1970 in UTC; until_hour is not part of it
  first_hour int not null,
  until_hour int not null check (until_hour > first_hour),
  state text not null default 'open' check (state in ('open', 'done', 'failed')),
  requested_by text not null,
  requested_at timestamptz not null default clock_timestamp(),
  -- Fencing: a job with an older token is refused.
  token bigint not null default 0,
  owner text,
  -- the process that starts the job, and its last sign of life
  supervisor text,
  supervised_at timestamptz,
  -- Each pass recomputes the range; the last one finds nothing to change.
  pass int not null default 1,
  changed boolean not null default false,
  started_at timestamptz,
  finished_at timestamptz,
  error text,
  -- ends of a job in a row that brought the rerun no further, and how far it was
  failures int not null default 0,
  failed_at bigint not null default 0
);
create unique index reruns_open on engine.reruns (first_hour, until_hour) where state = 'open';

-- The hours that are done: a job that ends early is continued here.
create table engine.rerun_hours (
  rerun bigint not null references engine.reruns on delete cascade,
  pass int not null,
  hour int not null,
  rows bigint not null,
  changed boolean not null,
  primary key (rerun, pass, hour)
);

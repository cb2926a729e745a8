-- Two engines fold raw events into the windows, one at a time: the built-in one (etl.step) and Spark
-- (docs/spark-contract.md). Either one folds an event that neither has folded, so any of them can take over at any moment
-- (docs/decisions/0045-two-engines-one-set.md).

-- Logs in from other machines and may call a few functions of this schema. No password here.
do $$
begin
  if not exists (select from pg_roles where rolname = 'weir_spark') then
    create role weir_spark login nosuperuser nocreatedb nocreaterole noinherit;
    grant weir_spark to current_user with inherit false, set true;
    -- a driver or a task that freezes must not hold up the other engine, or the vacuum
    alter role weir_spark set idle_in_transaction_session_timeout = '10s';
    alter role weir_spark set transaction_timeout = '5min';
  end if;
exception when duplicate_object or unique_violation then
  null; -- made by another database of this server at the same moment
end $$;

create schema engine;
grant usage on schema engine to weir_app, weir_spark;
alter default privileges in schema engine grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema engine grant usage, select on sequences to weir_app;
alter default privileges in schema engine grant execute on functions to weir_app;

create table engine.state (
  only_row boolean primary key default true check (only_row),
  engine text not null default 'builtin' check (engine in ('builtin', 'spark')),
  -- Fencing token: a run of Spark with an older one is refused. Each run and each hand-over raises it.
  epoch bigint not null default 0,
  -- the setting that was applied last: it decides again only when it changes
  configured text,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text
);
insert into engine.state default values;

-- Events that were folded and that the position of the windows does not show. An event has been folded exactly if the
-- position shows its transaction, or if it is here. Empty unless Spark has folded something lately.
create table engine.folded (
  xid xid8 not null,
  event_id uuid not null,
  service_id int not null,
  primary key (xid, event_id, service_id)
);

-- Facts on their way from Spark's tasks to engine.fold_batch, a token for each attempt of a task. Unlogged: after a crash
-- it is empty, the counts do not match, and Spark stages the batch again.
create unlogged table engine.staged (
  token uuid not null,
  xid xid8 not null,
  event_id uuid not null,
  service_id int not null,
  occurred_at timestamptz not null,
  event_type text not null,
  user_key text,
  product_key text,
  amount numeric,
  currency text,
  items json,
  staged_at timestamptz not null default now()
);
create index staged_token on engine.staged (token);
alter table engine.staged alter column items set statistics 0;
grant insert on engine.staged to weir_spark;

-- Runs of the Spark job, the last one first; its report is its heartbeat.
create table engine.runs (
  epoch bigint primary key,
  owner text not null,
  checkpoint text not null,
  began_at timestamptz not null default clock_timestamp(),
  batch_id bigint,
  batches bigint not null default 0,
  events bigint not null default 0,
  folded_at timestamptz,
  report jsonb,
  reported_at timestamptz
);

-- The raw events that the windows count.
create view engine.counted as
  select r.* from raw.events r
  where pg_visible_in_snapshot(r.xid, (select position from log.readers where name = 'windows'))
    or exists (
      select from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id);

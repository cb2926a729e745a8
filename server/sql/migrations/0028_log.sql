-- One register of everything that reads the raw log, and the pages of the log that workers hold
-- (docs/decisions/0024-one-reader-of-the-log.md). Until now `etl.cursors` and `stream.pages`; the previous
-- version reads and writes those, so views of these names stay until it is gone.
create schema log;
grant usage on schema log to weir_app;
alter default privileges in schema log grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema log grant usage, select on sequences to weir_app;
alter default privileges in schema log grant execute on functions to weir_app;

-- A reader has read every event whose transaction is visible in `position`, and claimed or read no other.
alter table etl.cursors set schema log;
alter table log.cursors rename to readers;
alter table log.readers rename column reader to name;
alter table log.readers rename constraint cursors_pkey to readers_pkey;
alter table log.readers
  -- No event that the reader has yet to read was received earlier, except those in `log.reopenings`: which
  -- partitions a read visits. It never comes from a clock (see log.close_days).
  add column since timestamptz not null default '-infinity',
  -- For people. Nothing is decided by this or by `read_at`: both come from the clock.
  add column heartbeat_at timestamptz not null default clock_timestamp(),
  add column registered_at timestamptz not null default now();

create view etl.cursors as select name as reader, epoch, position, read_at, events from log.readers;

alter table stream.pages set schema log;
alter table log.pages
  add column reader text not null default 'stream' references log.readers (name) on delete cascade,
  -- `received_at` of its oldest event; null for a page that the previous version claimed
  add column oldest timestamptz;
alter table log.pages alter column reader drop default;

create view stream.pages as
  select id, from_position, to_position, since, read_at, events, owner, epoch, heartbeat_at
  from log.pages where reader = 'stream';

-- Days that end before `since` are closed: a trigger on their partitions notes every transaction that still
-- writes there, which takes a clock that has stepped back.
create table log.open_days (
  only_row boolean primary key default true check (only_row),
  since timestamptz not null
);
insert into log.open_days (since) values ('-infinity');

create table log.reopenings (
  xid xid8 not null default pg_current_xact_id(),
  received_from timestamptz not null,
  noted_at timestamptz not null default now(),
  primary key (xid, received_from)
);

alter function etl.position_after(pg_snapshot, xid8) set schema log;

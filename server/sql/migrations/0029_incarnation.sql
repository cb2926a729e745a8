-- The server's incarnation: what it says about a transaction that is visible now holds until the incarnation ends. A
-- crash ends it: transactions that were visible but not yet on disk are gone, and their ids are given to others
-- (docs/decisions/0032-positions-end-with-the-incarnation.md). See log.incarnation().

-- Unlogged on purpose: PostgreSQL empties the table in crash recovery, on a promoted standby and in a restored
-- base backup, and keeps it over a clean restart.
create unlogged table log.current_incarnation (
  only_row boolean primary key default true check (only_row),
  id text not null,
  -- see log.cluster(): a dump contains unlogged tables
  cluster text not null
);

-- Every incarnation in which Weir has read the log.
create table log.incarnations (
  number int primary key,
  id text not null unique,
  cluster text not null,
  -- Up to where the write-ahead log outlived the end of the previous incarnation; 0/0: unknown
  survived pg_lsn not null,
  began_at timestamptz not null default clock_timestamp()
);

-- In which the position was read; null: before this column existed
alter table vectors.sync_state add column incarnation text;

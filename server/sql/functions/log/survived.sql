-- Whether a position that was read in the incarnation `incarnation` is valid in the current one, when the
-- write-ahead log was known to be on disk up to `settled` after the position was read. Every transaction that it
-- shows as ended has written its end before `settled`: a crash does not undo it. A recovery that ended earlier
-- than `settled` (an asynchronous standby was promoted, a backup was restored) does.
create or replace function log.survived(incarnation text, settled pg_lsn) returns boolean language sql stable as $$
  select coalesce((
    select settled <= pg_current_wal_insert_lsn() and not exists (
      select from log.incarnations later where later.number > i.number and later.survived < settled)
    from log.incarnations i where i.id = incarnation), false)
$$;

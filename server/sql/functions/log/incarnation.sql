-- The id of the server's incarnation. A position is valid in the incarnation in which it was read. In another one
-- it is valid if log.survived says so.
--
-- A session belongs to one incarnation, because a crash ends all sessions: what is read in one statement, or in one
-- transaction, needs no other guard. The first call after a crash finds an empty table and begins an incarnation;
-- concurrent calls wait for it, so do not make that call in a long transaction.
--
-- Error WF004: the database was restored from a dump into another cluster. log.adopt_restored() must run first.
create or replace function log.incarnation() returns text language plpgsql as $$
declare
  home text := log.cluster();
  current_id text;
  last log.incarnations;
begin
  select i.id into current_id from log.current_incarnation i where i.cluster = home;
  if found then return current_id; end if;

  perform pg_advisory_xact_lock(hashtext('log.incarnation'));
  select i.id into current_id from log.current_incarnation i where i.cluster = home;
  if found then return current_id; end if;
  select * into last from log.incarnations order by number desc limit 1;
  if split_part(last.cluster, '/', 1) <> split_part(home, '/', 1) then
    raise exception 'this database was restored from a dump of another PostgreSQL cluster' using errcode = 'WF004',
      hint = 'Run "weir migrate": it adapts the positions of the log readers to this cluster.';
  end if;
  return log.begin_incarnation(last, home);
end $$;

-- Begins an incarnation after `last` (null: the first one); returns its id. The caller holds the lock.
create or replace function log.begin_incarnation(last log.incarnations, home text) returns text language plpgsql as $$
declare
  new_id text := left(replace(gen_random_uuid()::text, '-', ''), 16);
begin
  -- an incarnation whose id was handed out is never forgotten
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  insert into log.incarnations (number, id, cluster, survived)
  values (coalesce(last.number, 0) + 1, new_id, home,
    -- where the last recovery of this server ended; null after a clean start
    case when last.cluster = home then coalesce(pg_last_wal_replay_lsn(), '0/0') else '0/0' end);
  delete from log.current_incarnation;
  insert into log.current_incarnation (id, cluster) values (new_id, home);
  return new_id;
end $$;

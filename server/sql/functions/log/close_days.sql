-- Closes the days (UTC) before `before`, a day of trusted time: readers no longer visit their partitions. The clock
-- alone is not enough: a reader that looked back an hour from its last read lost every event received while the clock
-- was two hours slow. Days from `before` on are opened again, if a clock that ran ahead closed them. Waits for locks
-- at most half a second (55P03): the caller retries later.
create or replace function log.close_days(before date) returns void language plpgsql as $$
declare
  partition record;
begin
  perform set_config('lock_timeout', '500ms', true);
  -- new partitions must not slip in between
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  for partition in
    select c.oid::regclass as name, to_date(right(c.relname, 8), 'YYYYMMDD') < before as over,
      to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC' as starts,
      exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'closed') as closed
    from pg_inherits h join pg_class c on c.oid = h.inhrelid
    where h.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
  loop
    if partition.over and not partition.closed then
      perform log.close_day(partition.name);
    elsif partition.closed and not partition.over then
      execute format('drop trigger closed on %s', partition.name);
      -- for readers that know it as closed
      insert into log.reopenings (received_from, noted_at) values (partition.starts, clock.trusted())
      on conflict do nothing;
    end if;
  end loop;
  update log.open_days set since = before::timestamp at time zone 'UTC'
  where since <> before::timestamp at time zone 'UTC';
  -- a day: longer than any live feed can be replayed
  delete from log.reopenings o
  where noted_at < clock.trusted() - interval '1 day'
    and not exists (select from log.readers r where not pg_visible_in_snapshot(o.xid, r.position))
    and not exists (select from log.pages p where not pg_visible_in_snapshot(o.xid, p.from_position));
end $$;

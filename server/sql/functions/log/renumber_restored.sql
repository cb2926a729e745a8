-- The work of log.adopt_restored(), which holds the locks. `now_seen`: the current snapshot of this cluster.
create or replace function log.renumber_restored(now_seen pg_snapshot) returns void language plpgsql as $$
begin
  create temporary table restored_unread on commit drop as
  select w.xid, w.readers, (10 + dense_rank() over (order by w.readers))::text::xid8 as new_xid
  from (
    select u.xid, array_agg(u.name order by u.name) as readers
    from (
      select distinct r.name, e.xid
      from (
        select name, position from log.readers
        union all
        -- the set of an erasure ends at a position too
        select id::text, seen from erasure.requests where state <> 'done' and seen is not null
      ) r
      join raw.events e on (not pg_visible_in_snapshot(e.xid, r.position)
        or exists (select from log.pages p where p.reader = r.name
          and not pg_visible_in_snapshot(e.xid, p.from_position) and pg_visible_in_snapshot(e.xid, p.to_position)))
        and not (r.name = 'windows' and exists (
          select from engine.folded f where f.xid = e.xid and f.event_id = e.event_id and f.service_id = e.service_id))
    ) u group by u.xid
  ) w;
  -- ids below 100 were given by an earlier restore
  update raw.events e set xid = '3'
  where e.xid <> '3' and (e.xid >= pg_snapshot_xmin(now_seen) or e.xid < '100')
    and not exists (select from restored_unread u where u.xid = e.xid);
  update raw.events e set xid = u.new_xid from restored_unread u where e.xid = u.xid;

  update log.readers r set since = '-infinity', position = log.restored_position(r.name, now_seen);
  update erasure.requests q set seen_since = '-infinity', seen = log.restored_position(q.id::text, now_seen), last_page = 0
  where q.state <> 'done' and q.seen is not null;
  -- events that Spark has folded of a transaction of which it has not folded all
  with kept as (delete from engine.folded returning *)
  insert into engine.folded (xid, event_id, service_id)
  select u.new_xid, k.event_id, k.service_id from kept k join restored_unread u on u.xid = k.xid and 'windows' = any (u.readers)
  on conflict do nothing;
  -- messages in Kafka name the old transactions
  perform engine.use('builtin', 'restored dump');
  delete from log.pages;
  delete from log.reopenings;
  -- every transaction from here on belongs to a later day than those that were recorded
  update clock.days set xid = pg_snapshot_xmin(now_seen);
end $$;

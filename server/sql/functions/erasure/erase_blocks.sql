-- Deletes events of the requests' sets from some blocks of one day of the log, at most `most`; returns how many.
-- Call it again with the same blocks until it returns less than `most`. In the same transaction the products' sums
-- of the deleted events are taken back (only the raw event says what an order contained); everything else that was
-- counted is taken back user by user later (etl.retract_day). Holds the position of the windows while it deletes,
-- so an event is either counted or not.
create or replace function erasure.erase_blocks(request_ids uuid[], partition regclass, from_block bigint, to_block bigint, most int)
returns int language plpgsql set enable_seqscan = off as $$
declare
  rows tid[];
  counted pg_snapshot;
begin
  execute format('select array(
      select e.ctid from %s e where e.ctid >= $1 and e.ctid < $2 and exists (
        select from erasure.requests q
        where q.id = any ($3) and q.user_key = e.user_key and pg_visible_in_snapshot(e.xid, q.seen))
      limit $4)', partition)
  using format('(%s,0)', from_block)::tid, format('(%s,0)', to_block)::tid, request_ids, most into rows;
  if cardinality(rows) = 0 then return 0; end if;

  perform etl.open_retraction();
  select r.position into counted from log.readers r where r.name = 'windows' for no key update;
  execute format('with gone as (
      delete from %s e using erasure.requests q
      where e.ctid = any ($1) and q.id = any ($2) and q.user_key = e.user_key and pg_visible_in_snapshot(e.xid, q.seen)
      returning q.id, e.xid, e.event_id, e.service_id, e.occurred_at, e.event_type, e.product_key, e.amount, e.currency, e.items
    ), noted as (
      update erasure.requests q set raw_events = q.raw_events + g.events
      from (select id, count(*) as events from gone group by id) g where q.id = g.id
    )
    insert into retracted_events (occurred_at, event_type, product_key, amount, currency, items)
    select g.occurred_at, g.event_type, g.product_key, g.amount, g.currency, g.items from gone g
    where pg_visible_in_snapshot(g.xid, $3) or exists (
      select from engine.folded f where f.xid = g.xid and f.event_id = g.event_id and f.service_id = g.service_id)', partition)
  using rows, request_ids, counted;
  perform etl.retract_products();
  return cardinality(rows);
end $$;

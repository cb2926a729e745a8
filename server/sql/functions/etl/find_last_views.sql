-- Fills batch_carts.last_view_at one view day at a time, from that day's partition. The second round handles
-- carts that precede all views of their own day.
create or replace function etl.find_last_views() returns void language plpgsql set enable_seqscan = off as $$
declare
  lookup int;
begin
  for round in 1..2 loop
    for lookup in select distinct view_day from batch_carts where last_view_at is null and view_day is not null loop
      execute format('update batch_carts c set last_view_at = (
          select max(occurred_at) from %s v where v.user_id = c.user_id and v.action = 1
          and v.occurred_at >= $2 and v.occurred_at < $2 + interval ''24 hours'' and v.occurred_at <= c.occurred_at)
        where view_day = $1 and last_view_at is null', etl.facts_partition(lookup))
      using lookup, timestamptz '1970-01-01 00:00:00+00' + lookup * interval '24 hours';
    end loop;
    exit when round = 2;
    update batch_carts set view_day = (select d.view_day from etl.last_view_day(user_id, view_day - 1) d)
    where last_view_at is null and view_day is not null;
  end loop;
end $$;

-- Takes marks, oldest first, of at most `most` points: their ids (text, 36 characters each, without separators)
-- and the time of the oldest mark. The rest stays marked, each point once and with its time, so that marks do not
-- accumulate when they arrive faster than they are taken, and every mark is processed. `more`: others remain.
create or replace function stream.take_stale(of_users boolean, most int, out ids text, out since timestamptz, out more boolean)
language sql set enable_seqscan = off as $$
  with gone as (
    delete from stream.stale where id = any (array(
      select id from stream.stale where is_user = of_users order by marked_at, id limit 2000 for update skip locked))
    returning point_ids, marked_at
  ), marks as (
    select point_id, min(marked_at) as since from gone cross join lateral unnest(point_ids) point_id group by point_id
  ), placed as materialized (
    select point_id, since, row_number() over (order by since, point_id) as place from marks
  ), put_back as (
    insert into stream.stale (is_user, point_ids, marked_at)
    select of_users, array_agg(point_id), since from placed where place > most group by since, (place - 1) / 100
  )
  select coalesce(string_agg(point_id::text, '' order by place) filter (where place <= most), ''),
    min(since) filter (where place <= most),
    count(*) > most or (select count(*) from gone) = 2000
  from placed
$$;

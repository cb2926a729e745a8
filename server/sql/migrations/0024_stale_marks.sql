-- Marks of stale points are merged here instead of in the worker, which took them apart and wrote most of them
-- back; and they know since when they stand.

-- one instant a page, so that what is put back of a page stays together
alter table stream.stale add column marked_at timestamptz not null default now();

-- Takes marks, the longest standing first, of at most `most` points: their ids (text, 36 characters each, one
-- behind the other) and since when the first of them stands. What else was marked stays marked, each point once and
-- as long as it has been: so marks do not pile up while they come faster than they go, and none is overtaken for
-- ever. `more`: there are others.
create function stream.take_stale(of_users boolean, most int, out ids text, out since timestamptz, out more boolean)
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

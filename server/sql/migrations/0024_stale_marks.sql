-- Marks of stale points are merged here instead of in the worker, which took them apart and wrote most of them
-- back; and they know since when they stand.

alter table stream.stale add column marked_at timestamptz not null default clock_timestamp();

-- Takes marks, the oldest first, of at most `most` points: their ids (text, 36 characters each, one behind the
-- other) and since when the oldest stands. What else was marked stays marked, each point once: so marks do not
-- pile up while they come faster than they go. `more`: there are others.
create function stream.take_stale(of_users boolean, most int, out ids text, out since timestamptz, out more boolean)
language sql set enable_seqscan = off as $$
  with gone as (
    delete from stream.stale where id = any (array(
      select id from stream.stale where is_user = of_users order by id limit 1000 for update skip locked))
    returning id, point_ids, marked_at
  ), marks as (
    select point_id, min(id) as first, min(marked_at) as since
    from gone cross join lateral unnest(point_ids) point_id group by point_id
  ), placed as materialized (
    select point_id, since, row_number() over (order by first, point_id) as place from marks
  ), put_back as (
    insert into stream.stale (is_user, point_ids, marked_at)
    select of_users, array_agg(point_id order by place), min(since) from placed
    where place > most group by (place - 1) / 100 order by min(place)
  )
  select coalesce(string_agg(point_id::text, '' order by place) filter (where place <= most), ''),
    min(since) filter (where place <= most),
    count(*) > most or (select count(*) from gone) = 1000
  from placed
$$;

-- The last stage, the cursor, and the step that runs all stages as one transaction.

-- The last day up to `day` on which the user viewed something; no row when there is none.
create function etl.last_view_day(viewer int, day int) returns table (view_day int) language sql stable as $$
  select make_date(month / 12, month % 12 + 1, 1) - date '1970-01-01' + 32 - position(B'1' in view_days_until::bit(32))
  from analytics.user_months m cross join lateral (
    select case when month = etl.month_of_day(day)
      then m.view_days & (2::bigint * etl.bit_of_day(day) - 1)::int else m.view_days end as view_days_until) v
  where user_id = viewer and month <= etl.month_of_day(day) and view_days_until <> 0
  order by month desc limit 1
$$;

-- Fills batch_carts.last_view_at, a view day at a time, in that day's partition. Two rounds: the second is
-- for carts that come before all views of their own day.
create function etl.find_last_views() returns void language plpgsql set enable_seqscan = off as $$
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

-- The user's last cart at or before an instant: the view that led to it.
create function etl.last_cart(buyer int, at timestamptz) returns table (last_view_at timestamptz) language sql stable as $$
  select k.last_view_at from analytics.key_facts k
  where k.user_id = buyer and k.occurred_at <= at and k.action = 2 order by k.occurred_at desc limit 1
$$;

-- Purchases at or after a user's first cart in batch_carts: puts right which cart is their last.
create function etl.correct_purchases() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select carts.user_id, bought.occurred_at, 3, cart.last_view_at
  from (select user_id, min(occurred_at) as first from batch_carts group by 1) carts
  cross join lateral (
    select k.occurred_at, k.last_view_at from analytics.key_facts k
    where k.user_id = carts.user_id and k.occurred_at >= carts.first and k.action = 3 offset 0) bought
  left join lateral etl.last_cart(carts.user_id, bought.occurred_at) cart on true
  where cart.last_view_at is distinct from bought.last_view_at
  on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at;
end $$;

-- Stage 8: carts with the user's last view at or before them, and purchases with that of their last cart. A
-- cart looks back (to a day that view_days says has a view, so one or two probes); a view that arrives late
-- looks forward to carts, and a cart to purchases.
create function etl.fold_key_facts() returns void language plpgsql
set enable_seqscan = off set enable_nestloop = off as $$
begin
  -- late views: only users who already have a cart at or after their first view of this batch
  with viewers as materialized (
    select user_id, min(occurred_at) as first from batch where action = 1 and user_id is not null group by 1
  ), late as materialized (
    select user_id, first from viewers v where (
      select true from analytics.key_facts k where k.user_id = v.user_id and k.occurred_at >= v.first and k.action = 2 limit 1)
  ), timeline as (
    select b.user_id, b.occurred_at, 1 as action, null::timestamptz as last_view_at
    from late join batch b on b.user_id = late.user_id and b.action = 1
    union all
    select late.user_id, cart.* from late cross join lateral (
      select occurred_at, 2, last_view_at from analytics.key_facts k
      where k.user_id = late.user_id and k.occurred_at >= late.first and k.action = 2 offset 0) cart
  ), seen as (
    select *, max(occurred_at) filter (where action = 1)
      over (partition by user_id order by occurred_at, action) as view_at from timeline
  ), corrected as (
    insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
    select user_id, occurred_at, 2, view_at from seen
    where action = 2 and view_at > coalesce(last_view_at, '-infinity')
    on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at
    returning user_id, occurred_at, last_view_at
  )
  insert into batch_carts (user_id, occurred_at, last_view_at) select * from corrected;

  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, c.occurred_at, d.view_day from (
    select distinct user_id, occurred_at, day from batch where action = 2 and user_id is not null
  ) c left join lateral etl.last_view_day(c.user_id, c.day) d on true;
  perform etl.find_last_views();
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select user_id, occurred_at, 2, last_view_at from batch_carts
  on conflict do nothing;
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select b.user_id, b.occurred_at, 3, cart.last_view_at
  from (select distinct user_id, occurred_at from batch where action = 3 and user_id is not null) b
  left join lateral etl.last_cart(b.user_id, b.occurred_at) cart on true
  on conflict do nothing;
  perform etl.correct_purchases();
end $$;

-- The position after a page of what `seen` shows. A snapshot says "every transaction below xmax, less those
-- in xip", so a page is one too: cut behind the last transaction read, with those still running below the cut.
create function etl.position_after(seen pg_snapshot, last_xid xid8) returns pg_snapshot language sql immutable as $$
  select (coalesce(min(x)::text, cut::text) || ':' || cut || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  from (select last_xid::text::numeric + 1 as cut) c left join pg_snapshot_xip(seen) x on x::text::numeric < cut
  group by cut
$$;

-- One step: everything for one batch in one transaction, cursor included, so a batch counts once or not at
-- all. Call it as one statement by itself: then a client that freezes holds no lock. The epoch fences: after
-- a takeover the old worker's steps fail with WF001. `longest_write` must cover the writers'
-- transaction_timeout; an hour of slack is for clocks.
create function etl.step(worker_epoch bigint, max_events int, longest_write interval default '10 seconds',
  out events int, out more boolean, out stage_us int[])
language plpgsql set enable_seqscan = off as $$
declare
  cursor_row etl.cursors;
  seen pg_snapshot;
  asked_at timestamptz;
  last_xid xid8;
  last_received timestamptz;
  stage text;
  since timestamptz := clock_timestamp();
begin
  perform etl.open_batch();
  select * into cursor_row from etl.cursors where reader = 'windows' for no key update;
  if cursor_row.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, cursor_row.epoch using errcode = 'WF001';
  end if;

  asked_at := clock_timestamp();
  seen := pg_current_snapshot();
  more := etl.read_batch(cursor_row.position, seen, cursor_row.read_at - longest_write - interval '1 hour', max_events);
  select count(*), max(xid), max(received_at) into events, last_xid, last_received from batch;
  stage_us := array[(extract(epoch from clock_timestamp() - since) * 1e6)::int];

  if events > 0 then
    foreach stage in array array['names', 'items', 'labels', 'facts', 'counts', 'users', 'sessions', 'products', 'key_facts'] loop
      since := clock_timestamp();
      case stage
        when 'names' then perform etl.fold_names();
        when 'items' then perform etl.fold_items();
        when 'labels' then perform etl.fold_labels();
        when 'facts' then perform etl.fold_facts();
        when 'counts' then perform etl.fold_counts();
        when 'users' then perform etl.fold_users();
        when 'sessions' then perform etl.fold_sessions();
        when 'products' then perform etl.fold_products();
        when 'key_facts' then perform etl.fold_key_facts();
      end case;
      stage_us := stage_us || (extract(epoch from clock_timestamp() - since) * 1e6)::int;
    end loop;
  end if;

  if more then
    seen := etl.position_after(seen, last_xid);
    -- what was not read yet cannot have committed before an event of this page was received
    asked_at := greatest(cursor_row.read_at, least(asked_at, last_received));
  end if;
  -- nothing read: the cursor still moves now and then, so that what it looks back at stays short
  if events > 0 or asked_at > cursor_row.read_at + interval '5 seconds' then
    update etl.cursors set position = seen, read_at = asked_at, events = cursors.events + step.events
    where reader = 'windows';
  end if;
end $$;

-- Whether retention has dropped raw events that a day's windows were made of: those were received from a
-- day before it (clocks of senders may run ahead) until now. `first_raw_day` is the oldest partition ever seen.
create table etl.raw_history (
  only_row boolean primary key default true check (only_row),
  first_raw_day date not null
);
create function etl.oldest_raw_day() returns date language sql stable as $$
  select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i
  join pg_class c on c.oid = i.inhrelid where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
$$;
create function etl.raw_events_gone(day int) returns boolean language sql stable as $$
  select exists (select from etl.raw_history h where etl.oldest_raw_day() > h.first_raw_day
    and date '1970-01-01' + day - 1 < etl.oldest_raw_day())
$$;

-- A small broker: queues with bindings by message type, leases, delays, a delivery limit and dead letters.
-- Roles have no rights on the tables. They may only execute the functions that allow_publisher and
-- allow_consumer grant, and a consumer only on its own queue.

create schema bus;
revoke all on schema bus from public;

create table bus.queue (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  delivery_limit integer not null check (delivery_limit > 0),
  created_at timestamptz not null default clock_timestamp()
);

create table bus.binding (
  queue text not null references bus.queue on delete cascade,
  type text not null,
  primary key (type, queue)
);

create table bus.message (
  id bigint generated always as identity primary key,
  queue text not null references bus.queue on delete cascade,
  -- what was published, byte for byte
  body json not null,
  -- how often a consumer has taken it, this time included
  deliveries integer not null default 0,
  -- why the last delivery failed
  reason text,
  published_at timestamptz not null default clock_timestamp(),
  -- not before: the end of the delay, or of the lease
  visible_at timestamptz not null default clock_timestamp(),
  lease uuid
);
create index message_next on bus.message (queue, visible_at, id);

create table bus.dead_letter (
  id bigint generated always as identity primary key,
  queue text not null references bus.queue on delete cascade,
  body json not null,
  reason text not null,
  deliveries integer not null,
  published_at timestamptz not null,
  failed_at timestamptz not null default clock_timestamp()
);
create index dead_letter_queue on bus.dead_letter (queue, id);

create table bus.consumer_role (
  role name not null,
  queue text not null,
  primary key (role, queue)
);

-- Raises unless the connected role may use the queue. session_user, because the functions run as the owner.
create function bus.require_queue(p_queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if session_user = current_user then return; end if;
  if not exists (
    select from bus.consumer_role where role = session_user and queue = p_queue
  ) then
    raise exception 'role % may not use queue %', session_user, p_queue
      using errcode = 'insufficient_privilege';
  end if;
end $$;

-- Wakes the consumers of a queue at commit.
create function bus.wake(p_queue text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select pg_notify('bus', p_queue)
$$;

-- Declares a queue with its bindings; true when it did not exist. The bindings become exactly these.
create function bus.declare_queue(p_queue text, p_types text[], p_delivery_limit integer)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_new boolean;
begin
  perform bus.require_queue(p_queue);
  insert into bus.queue (name, delivery_limit) values (p_queue, p_delivery_limit)
  on conflict (name) do nothing;
  is_new := found;
  update bus.queue set delivery_limit = p_delivery_limit
  where name = p_queue and delivery_limit <> p_delivery_limit;
  delete from bus.binding where queue = p_queue and type <> all (p_types);
  insert into bus.binding (queue, type) select p_queue, unnest(p_types) on conflict do nothing;
  return is_new;
end $$;

create function bus.queue_exists(p_queue text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  return exists (select from bus.queue where name = p_queue);
end $$;

-- All messages or none; each must reach at least one queue. p_messages: an array of CloudEvents.
create function bus.publish(p_messages json) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  unroutable text;
begin
  select string_agg(distinct m.value ->> 'type', ', ') into unroutable
  from json_array_elements(p_messages) as m
  where not exists (select from bus.binding b where b.type = m.value ->> 'type');
  if unroutable is not null then
    raise exception 'no queue is bound to %', unroutable using errcode = 'WB001';
  end if;
  insert into bus.message (queue, body)
  select b.queue, m.value
  from json_array_elements(p_messages) with ordinality as m(value, place)
  join bus.binding b on b.type = m.value ->> 'type'
  order by m.place;
  perform bus.wake(b.queue)
  from bus.binding b
  where b.type in (select m.value ->> 'type' from json_array_elements(p_messages) as m)
  group by b.queue;
end $$;

-- Moves a message to the dead letters.
create function bus.bury_message(p_id bigint, p_reason text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with gone as (delete from bus.message where id = p_id returning *)
  insert into bus.dead_letter (queue, body, reason, deliveries, published_at)
  select queue, body, p_reason, deliveries, published_at from gone
$$;

-- Up to p_max messages that are visible, leased for p_lease_ms. A message that has used up its deliveries
-- (its consumers died with it) goes to the dead letters instead.
create function bus.take(p_queue text, p_max integer, p_lease_ms integer)
returns table (id bigint, lease uuid, deliveries integer, body text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  the_lease uuid := gen_random_uuid();
begin
  perform bus.require_queue(p_queue);
  if not exists (select from bus.queue where name = p_queue) then
    raise exception 'there is no queue %', p_queue using errcode = 'WB002';
  end if;
  perform bus.bury_message(m.id, coalesce(m.reason, 'the consumer died while it handled the message'))
  from (
    select m.id, m.reason
    from bus.message m join bus.queue q on q.name = m.queue
    where m.queue = p_queue and m.visible_at <= clock_timestamp() and m.deliveries >= q.delivery_limit
    for update of m skip locked
  ) m;
  return query
  with next as (
    select m.id from bus.message m
    where m.queue = p_queue and m.visible_at <= clock_timestamp()
    order by m.visible_at, m.id
    limit p_max
    for update skip locked
  ), taken as (
    update bus.message m
    set lease = the_lease, deliveries = m.deliveries + 1,
        visible_at = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0)
    from next where m.id = next.id
    returning m.id, m.lease, m.deliveries, m.body::text as body
  )
  select t.id, t.lease, t.deliveries, t.body from taken t order by t.id;
end $$;

-- Milliseconds until the next message of the queue becomes visible; null when there is none.
create function bus.next_visible_ms(p_queue text) returns double precision
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  return (
    select greatest(0, extract(epoch from min(visible_at) - clock_timestamp()) * 1000)
    from bus.message where queue = p_queue
  );
end $$;

-- Prolongs leases; returns the messages that this lease still holds.
create function bus.extend(p_queue text, p_ids bigint[], p_leases uuid[], p_lease_ms integer)
returns setof bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  return query
  update bus.message m
  set visible_at = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0)
  from unnest(p_ids, p_leases) as held(id, lease)
  where m.id = held.id and m.lease = held.lease and m.queue = p_queue
  returning m.id;
end $$;

-- False when the lease was lost: another consumer has the message, or will get it.
create function bus.acknowledge(p_queue text, p_id bigint, p_lease uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  delete from bus.message where id = p_id and lease = p_lease and queue = p_queue;
  return found;
end $$;

-- The message comes back after the delay, or is a dead letter when it has used up its deliveries.
create function bus.retry_later(p_queue text, p_id bigint, p_lease uuid, p_delay_ms integer, p_reason text)
returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_last boolean;
begin
  perform bus.require_queue(p_queue);
  select m.deliveries >= q.delivery_limit into is_last
  from bus.message m join bus.queue q on q.name = m.queue
  where m.id = p_id and m.lease = p_lease and m.queue = p_queue for update of m;
  if not found then return 'lost'; end if;
  if is_last then
    perform bus.bury_message(p_id, p_reason);
    return 'dead';
  end if;
  update bus.message
  set lease = null, reason = p_reason,
      visible_at = clock_timestamp() + make_interval(secs => p_delay_ms / 1000.0)
  where id = p_id;
  return 'later';
end $$;

-- Gives a message back as if it had not been taken.
create function bus.release(p_queue text, p_id bigint, p_lease uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  update bus.message
  set lease = null, deliveries = deliveries - 1, visible_at = clock_timestamp()
  where id = p_id and lease = p_lease and queue = p_queue;
  if not found then return false; end if;
  perform bus.wake(p_queue);
  return true;
end $$;

-- To the dead letters at once: a message that no retry can help.
create function bus.bury(p_queue text, p_id bigint, p_lease uuid, p_reason text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  perform from bus.message where id = p_id and lease = p_lease and queue = p_queue for update;
  if not found then return false; end if;
  perform bus.bury_message(p_id, p_reason);
  return true;
end $$;

create function bus.dead_letters(p_queue text, p_max integer)
returns table (id bigint, body text, reason text, deliveries integer, failed_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform bus.require_queue(p_queue);
  return query
  select d.id, d.body::text, d.reason, d.deliveries, d.failed_at
  from bus.dead_letter d where d.queue = p_queue order by d.id limit p_max;
end $$;

-- Back to its queue with all its deliveries; false when there is no such dead letter.
create function bus.replay_dead_letter(p_queue text, p_message_id text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  with gone as (
    delete from bus.dead_letter
    where queue = p_queue and body ->> 'id' = p_message_id returning *
  )
  insert into bus.message (queue, body) select queue, body from gone;
  if not found then return false; end if;
  perform bus.wake(p_queue);
  return true;
end $$;

create function bus.discard_dead_letter(p_queue text, p_message_id text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform bus.require_queue(p_queue);
  delete from bus.dead_letter where queue = p_queue and body ->> 'id' = p_message_id;
  return found;
end $$;

-- Granted by the owner, when the roles exist.
create function bus.allow_publisher(p_role name) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('grant usage on schema bus to %I', p_role);
  execute format('grant execute on function bus.publish(json) to %I', p_role);
end $$;

create function bus.allow_consumer(p_role name, p_queue text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  allowed text;
begin
  execute format('grant usage on schema bus to %I', p_role);
  foreach allowed in array array[
    'declare_queue(text, text[], integer)', 'queue_exists(text)', 'take(text, integer, integer)',
    'next_visible_ms(text)', 'extend(text, bigint[], uuid[], integer)', 'acknowledge(text, bigint, uuid)',
    'retry_later(text, bigint, uuid, integer, text)', 'release(text, bigint, uuid)',
    'bury(text, bigint, uuid, text)', 'dead_letters(text, integer)',
    'replay_dead_letter(text, text)', 'discard_dead_letter(text, text)'
  ] loop
    execute format('grant execute on function bus.%s to %I', allowed, p_role);
  end loop;
  insert into bus.consumer_role (role, queue) values (p_role, p_queue) on conflict do nothing;
end $$;

revoke all on all functions in schema bus from public;

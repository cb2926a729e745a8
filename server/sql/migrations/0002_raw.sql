-- The log: every accepted event, once, as it was sent. The only truth; all else can be rebuilt from it.
create schema raw;

create table raw.events (
  service_id int not null,
  -- 0 native, 1 segment, 2 cloudevents: says how `payload` is to be read.
  format smallint not null,
  -- The id sent when it is a canonical UUID, else a UUIDv8 made of its SHA-256; then event_ref holds it.
  event_id uuid not null,
  -- Set by the database, so that a reader's bound on it can be trusted for partition pruning.
  received_at timestamptz not null default now(),
  occurred_at timestamptz not null,
  -- The writing transaction: readers take "visible now and not before" from it (see etl.cursors).
  xid xid8 not null default pg_current_xact_id(),
  -- user_id, else 'anonymous:' || anonymous_id
  user_key text,
  product_key text,
  -- revenue when given, else price x quantity; exact; null when neither is known
  amount numeric,
  currency text,
  event_type text not null,
  event_ref text,
  -- several products in one event: [{"id":..,"quantity":..,"amount":..}, ...]; null for one or none
  items json,
  -- what was sent, byte for byte
  payload text not null
) partition by range (received_at);

create index events_xid on raw.events (xid);
create index events_occurred on raw.events (occurred_at);

-- Identity outlives partitions: the same id on another day is still the same event. Two generations,
-- so that retention is a drop and not a delete: `identities` is written, `identities_before` is only
-- looked at; a rotation renames them (raw.rotate_identities). The horizon is one to two generations.
create table raw.identities (
  event_id uuid not null,
  service_id int not null,
  -- 64 bits over the content (core/content-hash.ts): tells a duplicate from a conflict
  content_hash bigint not null,
  primary key (event_id, service_id)
);
create table raw.identities_before (
  event_id uuid not null,
  service_id int not null,
  content_hash bigint not null,
  primary key (event_id, service_id)
);
create table raw.identity_generation (
  only_row boolean primary key default true check (only_row),
  started_at timestamptz not null
);
insert into raw.identity_generation (started_at) values (now());

-- Makes the day's partition when it is missing. Days are UTC. Safe to call from several places at once.
create function raw.ensure_partition(day date) returns void language plpgsql as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('raw.' || name) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  if to_regclass('raw.' || name) is not null then return; end if;
  -- `create table ... partition of` would lock the whole log against its writers and wait for every
  -- reader; `attach` waits for none of them
  execute format('create table raw.%I (like raw.events including defaults)', name);
  -- rows only ever arrive; freeze early and cheaply, analyze so that plans know the day is not empty
  execute format(
    'alter table raw.%I set (autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05)',
    name
  );
  execute format(
    'alter table raw.events attach partition raw.%I for values from (%L) to (%L)',
    name,
    (day::timestamp at time zone 'UTC'),
    ((day + 1)::timestamp at time zone 'UTC')
  );
end $$;

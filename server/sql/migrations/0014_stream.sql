-- Products and users as the part `stream` knows them, and the models that make vectors of them. Everything
-- here is made of the raw log and written by transactions that also say how far the log was read.
create schema stream;

insert into etl.cursors (reader, position, read_at) values ('stream', '1:1:', 'epoch');

-- Pages of the log that a worker has in hand: between two positions of the cursor. A page is deleted by the
-- transaction that writes what was made of it, so it counts once whoever finishes it. Its order does not
-- matter: counts add up, and of a product's texts the newest by event time stands.
create table stream.pages (
  id bigint generated always as identity primary key,
  from_position pg_snapshot not null,
  to_position pg_snapshot not null,
  -- bound for partition pruning
  since timestamptz not null,
  -- every event committed before this instant is behind `from_position`
  read_at timestamptz not null,
  events int not null,
  owner text not null,
  -- fencing: raised by whoever takes the page over
  epoch int not null default 1,
  heartbeat_at timestamptz not null default clock_timestamp()
);

create table stream.products (
  point_id uuid primary key,
  key text not null,
  name text,
  description text,
  category text,
  price numeric,
  currency text,
  -- SHA-256 of the text that is embedded; empty until an event told one
  content_hash bytea not null default '',
  -- 2 when a name was told, 1 for other text, 0 for none: more is never replaced by less
  content_rank smallint not null default 0,
  content_at timestamptz not null default '-infinity',
  -- name and category, folded as the embedder folds: for lexical search
  folded text not null default '',
  words tsvector not null generated always as (to_tsvector('simple', folded)) stored,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  -- events by type
  counts jsonb not null default '{}',
  purchases bigint not null default 0,
  views bigint not null default 0
) with (fillfactor = 70);
create index products_words on stream.products using gin (words);
create index products_popular on stream.products (purchases desc, views desc, point_id);

-- What a user took interest in. `items`: 24 bytes a product, its point id and a float64, the binary
-- logarithm of the decayed weight as of 2024-01-01; `bought`: 16 bytes a product, the newest last.
create table stream.users (
  point_id uuid primary key,
  key text not null,
  items bytea not null default '',
  bought bytea not null default '',
  events bigint not null default 0,
  last_seen timestamptz not null default '-infinity'
) with (fillfactor = 70);
alter table stream.users alter column items set storage external, alter column bought set storage external;

-- Points whose payload (a product's counts) or vector (a user's taste) is behind the tables above. They are
-- written soon after, together: a product of a thousand events is written once. A product's new text is not
-- among them: its point is written at once.
-- No key: a page that marks a point never waits for the refresh that takes the mark of before.
create table stream.stale_points (
  point_id uuid not null,
  is_user boolean not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- Vectors that were costly to make, by what they were made of: no text is embedded twice.
create table stream.embeddings (
  model_id text not null,
  content_hash bytea not null,
  vector bytea not null,
  primary key (model_id, content_hash)
);

-- Embedders. One is live: its collections carry the aliases `products` and `users`.
create table vectors.models (
  id text primary key,
  kind text not null check (kind in ('random-projection', 'lsa', 'transformer', 'http')),
  dimension int not null check (dimension between 1 and 4096),
  -- the exported model of kinds that have one
  file bytea,
  settings jsonb not null default '{}',
  -- made and replaced by Weir itself
  automatic boolean not null,
  corpus_texts int,
  state text not null check (state in ('building', 'ready', 'live', 'retired')),
  -- goes live as soon as it is ready
  wanted boolean not null default false,
  -- its collections are to be filled again, while they go on answering
  rebuild boolean not null default false,
  created_at timestamptz not null default now(),
  ready_at timestamptz,
  live_at timestamptz,
  retired_at timestamptz,
  error text
);
-- read in slices, which takes a value that is not compressed
alter table vectors.models alter column file set storage external;
create unique index models_live on vectors.models ((true)) where state = 'live';

create table vectors.model_collections (
  collection_id int primary key references vectors.collections (id) on delete cascade,
  model_id text not null references vectors.models (id) on delete cascade,
  purpose text not null check (purpose in ('products', 'users', 'events')),
  unique (model_id, purpose)
);

-- Who looks after the models: one process at a time.
create table stream.leases (
  name text primary key,
  owner text not null,
  heartbeat_at timestamptz not null
);

-- The next page of the log for a worker: one that its owner left lying for `patience`, else the next
-- `max_events` events. No row when there is nothing to read. `longest_write` as in etl.step.
create function stream.claim(worker text, max_events int, longest_write interval, patience interval)
returns setof stream.pages language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  cursor_row etl.cursors;
  running xid8[];
  seen pg_snapshot;
  asked_at timestamptz;
  bound timestamptz;
  page record;
begin
  return query update stream.pages p
    set owner = worker, epoch = p.epoch + 1, heartbeat_at = clock_timestamp()
    where id = (select id from stream.pages where heartbeat_at < clock_timestamp() - patience
                order by id for update skip locked limit 1)
    returning p.*;
  if found then return; end if;

  select * into cursor_row from etl.cursors where reader = 'stream' for no key update;
  asked_at := clock_timestamp();
  seen := pg_current_snapshot();
  running := array(select pg_snapshot_xip(cursor_row.position));
  bound := cursor_row.read_at - longest_write - interval '1 hour';
  select count(*)::int as events, max(xid) as last_xid, max(received_at) as last_received,
    count(*) filter (where xid >= pg_snapshot_xmax(cursor_row.position)) >= max_events as more
  into page
  from (
    (select xid, received_at from raw.events
     where xid = any (running) and received_at >= bound and pg_visible_in_snapshot(xid, seen))
    union all
    (select xid, received_at from raw.events
     where xid >= pg_snapshot_xmax(cursor_row.position) and received_at >= bound and pg_visible_in_snapshot(xid, seen)
     order by xid fetch first max_events rows with ties)
  ) r;
  if page.more then
    seen := etl.position_after(seen, page.last_xid);
    asked_at := greatest(cursor_row.read_at, least(asked_at, page.last_received));
  end if;
  if page.events > 0 then
    return query insert into stream.pages (from_position, to_position, since, read_at, events, owner)
      values (cursor_row.position, seen, bound, cursor_row.read_at, page.events, worker) returning *;
  end if;
  -- nothing read: the cursor still moves now and then, so that what it looks back at stays short
  if page.events > 0 or asked_at > cursor_row.read_at + interval '5 seconds' then
    update etl.cursors set position = seen, read_at = asked_at, events = cursors.events + page.events
    where reader = 'stream';
  end if;
end $$;

grant usage on schema stream to weir_app;
grant select, insert, update, delete, truncate on all tables in schema stream to weir_app;
grant select, insert, update, delete on vectors.models, vectors.model_collections to weir_app;
grant usage, select on all sequences in schema stream to weir_app;
revoke execute on all functions in schema stream from public;
grant execute on all functions in schema stream to weir_app;
alter default privileges in schema stream grant select, insert, update, delete, truncate on tables to weir_app;
alter default privileges in schema stream grant execute on functions to weir_app;

-- Exact windows. Sizes: 1 minute, 2 hour, 3 day; `bucket` counts them from 1970-01-01T00:00:00Z.
create schema analytics;

create table analytics.event_types (
  id int generated always as identity primary key,
  name text not null unique,
  -- 1 view, 2 cart, 3 purchase, 4 refund, 5 search, 0 other
  action smallint not null
);
create table analytics.users (
  id int generated always as identity primary key,
  key text not null,
  unique (key) include (id)
);
create table analytics.products (
  id int generated always as identity primary key,
  key text not null,
  name text,
  category text,
  -- false until an event told the name; in the index, so that the ETL sees it without reading the row
  named boolean not null generated always as (name is not null) stored,
  unique (key) include (id, named)
);
create table analytics.currencies (
  id smallint generated always as identity primary key,
  code text not null unique
);

-- One narrow row an event, for free-form questions. Partitions by day of occurred_at, and a default.
create table analytics.facts (
  occurred_at timestamptz not null,
  user_id int,
  product_id int,
  event_type int not null,
  service_id int not null,
  action smallint not null,
  currency smallint,
  amount numeric
) partition by range (occurred_at);
create table analytics.facts_default partition of analytics.facts default;
-- The last view before a cart (see key_facts) is one probe.
create index facts_views on analytics.facts (user_id, occurred_at) where action = 1;
-- Facts arrive nearly in order: block ranges are enough to find an hour, and cost next to nothing.
create index facts_occurred on analytics.facts using brin (occurred_at);
-- The products of an event that holds several are in the log alone. Few do.
create index events_items on raw.events (occurred_at) where items is not null;

create table analytics.window_counts (
  size smallint not null,
  bucket int not null,
  event_type int not null,
  service_id int not null,
  events bigint not null,
  primary key (size, bucket, event_type, service_id)
) with (fillfactor = 60);

create table analytics.window_totals (
  size smallint not null,
  bucket int not null,
  events bigint not null default 0,
  users int not null default 0,
  -- a session counts in the window in which it starts
  sessions int not null default 0,
  converted_sessions int not null default 0,
  updated_at timestamptz not null default now(),
  primary key (size, bucket)
) with (fillfactor = 60);

create table analytics.window_revenue (
  size smallint not null,
  bucket int not null,
  service_id int not null,
  currency smallint not null,
  revenue numeric not null,
  orders bigint not null,
  refunds numeric not null,
  refund_count bigint not null,
  primary key (size, bucket, service_id, currency)
) with (fillfactor = 60);

-- Who was there: a bit a minute of the hour (0..59), a bit a day of the month (0..30). Bit 60 of `minutes`
-- says that the user viewed a product in this hour. New bits feed window_totals.users.
-- hour: hours since 1970, month: year * 12 + month - 1; both in UTC.
create table analytics.user_hours (
  hour int not null,
  user_id int not null,
  minutes bigint not null,
  primary key (hour, user_id)
) with (fillfactor = 80);
create table analytics.user_months (
  month int not null,
  user_id int not null,
  days int not null,
  view_days int not null,
  primary key (month, user_id)
) with (fillfactor = 80);

-- Maximal runs of a user's events with no gap over 30 minutes.
create table analytics.sessions (
  started_at timestamptz not null,
  ended_at timestamptz not null,
  user_id int not null,
  events int not null,
  purchases int not null,
  primary key (user_id, started_at)
) with (fillfactor = 80);
create index sessions_started on analytics.sessions (started_at);

-- Carts and purchases of known users with the view that led there: of a cart the last one at or before it,
-- of a purchase that of the last cart at or before it. So each row tells by itself how long its chain took,
-- and the commerce funnel counts rows (0.1 s at 10 million events; 13.8 s by window functions over facts).
create table analytics.key_facts (
  user_id int not null,
  occurred_at timestamptz not null,
  action smallint not null check (action in (2, 3)),
  last_view_at timestamptz,
  primary key (user_id, occurred_at, action) include (last_view_at)
) with (fillfactor = 90);
create index key_facts_occurred on analytics.key_facts (occurred_at);

-- Sizes hour and day only.

create table analytics.product_windows (
  size smallint not null,
  bucket int not null,
  product_id int not null,
  views int not null,
  carts int not null,
  purchases int not null,
  primary key (size, bucket, product_id)
) with (fillfactor = 80);
create table analytics.product_revenue (
  size smallint not null,
  bucket int not null,
  product_id int not null,
  currency smallint not null,
  revenue numeric not null,
  primary key (size, bucket, product_id, currency)
) with (fillfactor = 80);
-- There are hundreds of times as many hours as days: without it a plan expects a sixth of a range's rows.
create statistics analytics.product_windows_sizes (mcv) on size, bucket from analytics.product_windows;
create statistics analytics.product_revenue_sizes (mcv) on size, bucket from analytics.product_revenue;

create extension if not exists pg_trgm;

-- Each change of a product, its stock included, gets a higher number: caches refuse an older row.
create sequence product_versions;

create table products (
  id text primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  name text not null,
  description text not null,
  category text not null,
  price numeric(12, 2) not null check (price >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- on hand, what is held for orders included; what can be bought is stock minus holds
  stock integer not null check (stock >= 0),
  version bigint not null default nextval('product_versions'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
) with (fillfactor = 80);

create index products_name on products (name, id) where deleted_at is null;
create index products_price on products (price, id) where deleted_at is null;
create index products_created on products (created_at, id) where deleted_at is null;
create index products_category on products (category, name, id) where deleted_at is null;
create index products_words on products using gin (name gin_trgm_ops);

create table reservations (
  order_id uuid primary key,
  state text not null check (state in ('held', 'confirmed', 'released', 'expired')),
  expires_at timestamptz not null,
  -- what was answered: quantities, and names and prices of that moment
  items jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index reservations_held on reservations (expires_at) where state = 'held';

-- Rows are added and removed only under the lock of their product's row.
create table holds (
  product_id text not null references products,
  order_id uuid not null references reservations,
  quantity integer not null check (quantity > 0),
  expires_at timestamptz not null,
  primary key (product_id, order_id)
);

create index holds_order on holds (order_id);

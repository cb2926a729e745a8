-- Carts, checkouts in progress, orders with their history, messages to send, and the ledger of the
-- simulated payment provider.

create table carts (
  id uuid primary key default uuidv7(),
  updated_at timestamptz not null default now()
);

create index carts_by_age on carts (updated_at);

create table cart_items (
  cart_id uuid not null references carts on delete cascade,
  product_id text not null check (length(product_id) between 1 and 64),
  quantity integer not null check (quantity between 1 and 999),
  added bigint generated always as identity,
  primary key (cart_id, product_id)
);

create table orders (
  -- UUIDv7: the order of ids is the order of time, which the pages of a list rely on
  id uuid primary key,
  user_id text not null,
  anonymous_id text,
  session_id text,
  email text not null,
  language text not null check (language in ('en', 'tr')),
  state text not null
    check (state in ('created', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded')),
  -- no fixed scale: an amount keeps the digits it was written with
  total numeric not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create index orders_of_user on orders (user_id, id);

create table order_items (
  order_id uuid not null references orders,
  position integer not null,
  product_id text not null,
  name text not null,
  category text not null,
  quantity integer not null check (quantity > 0),
  price numeric not null check (price >= 0),
  primary key (order_id, position)
);

create table order_history (
  order_id uuid not null references orders,
  -- from 1; the key makes a transition that happens twice an error
  number integer not null,
  state text not null,
  reason text,
  at timestamptz not null,
  primary key (order_id, number)
);

-- One row for each accepted checkout: the saga. `step` is what is done next.
create table checkouts (
  order_id uuid primary key default uuidv7(),
  user_id text not null,
  -- null once the checkout was abandoned before an order existed: the key is free again
  idempotency_key text,
  body_hash bytea not null,
  request json not null,
  items json not null,
  cart_id uuid not null,
  step text not null
    check (step in ('reserving', 'paying', 'confirming', 'voiding', 'releasing', 'done')),
  reason text,
  -- counts the processes that took this checkout; a write of an earlier one is refused
  run integer not null default 1,
  lease_until timestamptz not null,
  failures integer not null default 0,
  reservation_expires_at timestamptz,
  answer_status smallint,
  answer_body json,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  check (answer_status is not null or step <> 'done')
);

create unique index checkouts_key on checkouts (user_id, idempotency_key);
-- a cart that is being paid for cannot be paid for a second time
create unique index checkouts_cart on checkouts (cart_id) where step not in ('releasing', 'done');
create index checkouts_open on checkouts (lease_until) where step <> 'done';
create index checkouts_expired on checkouts (expires_at) where step = 'done';

-- Messages written in the transaction of the change that they report.
create table outbox (
  id bigint generated always as identity primary key,
  destination text not null check (destination in ('bus', 'weir', 'payment', 'products')),
  order_id uuid not null,
  -- text: what is sent again must be what was sent before, byte for byte
  payload text not null,
  created_at timestamptz not null default now(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  sent_at timestamptz,
  -- refused for good by the receiver; kept for an operator
  failed_at timestamptz,
  error text
);

create index outbox_waiting on outbox (destination, id) where sent_at is null and failed_at is null;
create index outbox_of_order on outbox (destination, order_id, id)
  where sent_at is null and failed_at is null;
create index outbox_sent on outbox (sent_at) where sent_at is not null;

-- The simulated payment provider's own ledger. No other table refers to it, and orders are never
-- read from it: a real provider would replace it.
create table simulated_charges (
  order_id uuid primary key,
  amount numeric,
  currency text,
  state text not null check (state in ('charged', 'declined', 'voided', 'refunded')),
  changed_at timestamptz not null default now()
);

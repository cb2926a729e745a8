-- The inbox and the notifications that came of it: one for each message and channel.
create table notification (
  -- derived from the message and the channel
  id uuid primary key,
  message_id text not null,
  channel text not null,
  kind text not null,
  order_id text,
  user_id text,
  recipient text not null,
  language text not null,
  subject text not null,
  body_text text not null,
  body_html text not null,
  -- pending; sending: committed before the channel is called; sent: after it has accepted; failed: tried
  -- again until the message is a dead letter; opted_out: the recipient does not want this kind
  state text not null default 'pending'
    check (state in ('pending', 'sending', 'sent', 'failed', 'opted_out')),
  attempts integer not null default 0,
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  attempted_at timestamptz,
  sent_at timestamptz,
  unique (message_id, channel)
);
create index notification_order on notification (order_id, created_at, id) where order_id is not null;
create index notification_user on notification (user_id, created_at, id) where user_id is not null;
create index notification_recipient on notification (recipient, created_at, id);

create table preference (
  user_id text primary key,
  -- null: the defaults of the service
  channels text[],
  -- null: the language of the order
  language text,
  opted_out text[] not null default '{}',
  updated_at timestamptz not null default clock_timestamp()
);

-- That messages were lost with the queue, noted before the queue is declared again.
create table catch_up (
  id bigint generated always as identity primary key,
  noted_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,
  attempts integer not null default 0,
  reason text
);
create index catch_up_open on catch_up (id) where done_at is null;

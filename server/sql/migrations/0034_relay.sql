-- The relay copies the raw log to the Kafka topic `events` (docs/decisions/0042-the-relay-waits-for-each-request.md).
-- Its position is the reader `relay` of log.readers.
create schema relay;
grant usage on schema relay to weir_app;
alter default privileges in schema relay grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema relay grant execute on functions to weir_app;

create table relay.state (
  only_row boolean primary key default true check (only_row),
  -- One process relays at a time: another one takes over when the heartbeat no longer changes. Each takeover raises the
  -- epoch, which the transaction that moves the position compares.
  epoch bigint not null default 0,
  owner text,
  heartbeat_at timestamptz not null default 'epoch',
  -- Where the acknowledged messages are: to notice that the topic has lost them. By partition, from 0 on, an offset that
  -- the end of the partition must not be below.
  topic text,
  topic_id text,
  least_ends bigint[] not null default '{}',
  -- set when messages were lost, until a rewind
  loss text,
  loss_noticed_at timestamptz,
  differences text[] not null default '{}'
) with (fillfactor = 50);
insert into relay.state default values;

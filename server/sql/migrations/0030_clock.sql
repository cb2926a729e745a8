-- Trusted time (docs/decisions/0029-trusted-time.md): advances with the machines' uptime and follows clocks only
-- as far as they agree, so that a clock that steps can neither delete data nor prolong what expires.
create schema clock;
grant usage on schema clock to weir_app;
alter default privileges in schema clock grant execute on functions to weir_app;

create table clock.state (
  only_row boolean primary key default true check (only_row),
  -- as of the last tick
  trusted timestamptz not null,
  -- what Weir's clock read then
  weir timestamptz not null,
  -- how far the clocks are from trusted time; null while they agree with it
  deviation_s float8,
  -- `step`: a clock contradicts the uptime. `offline`: Weir did not run, so nothing says how long. `disagreement`:
  -- Weir's clock and PostgreSQL's differ.
  kind text check (kind in ('step', 'offline', 'disagreement')),
  -- since when, in trusted time
  since timestamptz,
  -- for how long the deviation has not changed, by uptime
  steady_s float8 not null default 0
);
insert into clock.state (trusted, weir) values (now(), now());
grant select on clock.state to weir_app;

-- What trusted time was at each machine's last tick, by the machine's uptime.
create table clock.machines (
  boot text primary key,
  uptime_s float8 not null,
  trusted timestamptz not null
);

-- The first transaction of each day of trusted time: when an event was received, whatever the clock said that dated it.
create table clock.days (
  day date primary key,
  xid xid8 not null
);

-- Days that retention has dropped, which a clock that steps back cannot bring back (etl.raw_events_gone).
create table raw.dropped (
  only_row boolean primary key default true check (only_row),
  -- the log lacks events received before this day
  until date not null
);
insert into raw.dropped (until)
select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i
join pg_class c on c.oid = i.inhrelid, etl.raw_history h
where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
having min(to_date(right(c.relname, 8), 'YYYYMMDD')) > min(h.first_raw_day);

-- Days of receipt and of occurrence of events that PostgreSQL's clock dated more than a day too early.
create table etl.misdated (
  received_day date not null,
  occurred_day date not null,
  primary key (received_day, occurred_day)
);

-- The right to be forgotten. A request is worked on in stages that can each be repeated, so that a crash in
-- between changes nothing; what is left of it in the end is a certificate without the user's name.
create schema erasure;

create table erasure.requests (
  id uuid primary key default gen_random_uuid(),
  -- SHA-256 of the user's key
  user_hash bytea not null,
  -- null as soon as nothing needs it any more
  user_key text,
  state text not null default 'queued' check (state in ('queued', 'running', 'done')),
  stage text,
  requested_by text not null,
  requested_at timestamptz not null default now(),
  finished_at timestamptz,
  raw_events bigint not null default 0,
  dead_letters bigint not null default 0,
  points bigint not null default 0,
  analytics_rows bigint not null default 0,
  error text
);
create index requests_open on erasure.requests (requested_at) where state <> 'done';

-- Hours that held an event of the user: each is made anew from the raw events that are left.
create table erasure.hours (
  request_id uuid not null references erasure.requests (id),
  hour timestamptz not null,
  -- etl.window_runs; null while not queued, or when retention has dropped what the hour was made of
  run_id bigint,
  primary key (request_id, hour)
);

-- Deletes a user's events from one day of the log, and notes their hours. Their identities stay, so that
-- sending them again gives `duplicate` and brings nothing back.
create function erasure.erase_day(request uuid, partition regclass) returns bigint
language plpgsql as $$
declare
  erased bigint;
begin
  execute format('with gone as (
      delete from %s using erasure.requests q
      where q.id = $1 and events.user_key = q.user_key
      returning date_trunc(''hour'', events.occurred_at, ''UTC'') as hour
    ), noted as (
      insert into erasure.hours (request_id, hour) select distinct $1, hour from gone on conflict do nothing
    ) select count(*) from gone', partition::text || ' as events')
  using request into erased;
  update erasure.requests set raw_events = raw_events + erased where id = request;
  return erased;
end $$;

-- What the analytics keep of a user by name or row, beyond the windows that were made anew.
create function erasure.erase_analytics(key_to_erase text) returns bigint language plpgsql as $$
declare
  erased bigint := 0;
  n bigint;
  gone int;
begin
  select id into gone from analytics.users where key = key_to_erase;
  if gone is null then return 0; end if;
  delete from analytics.facts where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.sessions where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.key_facts where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.user_hours where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.user_months where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.users where id = gone;
  return erased + 1;
end $$;

grant usage on schema erasure to weir_app;
grant select, insert on erasure.requests, erasure.hours to weir_app;
revoke execute on all functions in schema erasure from public;

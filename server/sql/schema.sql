-- What the migrations create; written by dump-schema.test.ts, compared in every test run. Do not edit.

create role weir_app login noinherit;
create role weir_ingest login noinherit;
alter role weir_ingest set transaction_timeout=10s;
create role weir_spark login noinherit;
alter role weir_spark set idle_in_transaction_session_timeout=10s;
alter role weir_spark set transaction_timeout=5min;


-- analytics ---------------------------------------------------------------------------------------
create schema analytics;

create table analytics.currencies (
  id smallint not null generated always as identity,
  code text not null,
  constraint currencies_code_key UNIQUE (code),
  constraint currencies_pkey PRIMARY KEY (id)
);

create table analytics.event_types (
  id integer not null generated always as identity,
  name text not null,
  action smallint not null,
  constraint event_types_name_key UNIQUE (name),
  constraint event_types_pkey PRIMARY KEY (id)
);

create table analytics.facts (
  occurred_at timestamp with time zone not null,
  user_id integer,
  product_id integer,
  event_type integer not null,
  service_id integer not null,
  action smallint not null,
  currency smallint,
  amount numeric
) partition by RANGE (occurred_at);
CREATE INDEX facts_occurred ON ONLY analytics.facts USING brin (occurred_at);
CREATE INDEX facts_views ON ONLY analytics.facts USING btree (user_id, occurred_at) WHERE (action = 1);

create table analytics.facts_default partition of analytics.facts default;

create table analytics.key_facts (
  user_id integer not null,
  occurred_at timestamp with time zone not null,
  action smallint not null,
  last_view_at timestamp with time zone,
  constraint key_facts_action_check CHECK ((action = ANY (ARRAY[2, 3]))),
  constraint key_facts_pkey PRIMARY KEY (user_id, occurred_at, action) INCLUDE (last_view_at)
) with (fillfactor=90);
CREATE INDEX key_facts_occurred ON analytics.key_facts USING btree (occurred_at);

create table analytics.product_revenue (
  size smallint not null,
  bucket integer not null,
  product_id integer not null,
  currency smallint not null,
  revenue numeric not null,
  constraint product_revenue_pkey PRIMARY KEY (size, bucket, product_id, currency)
) with (fillfactor=80);
CREATE STATISTICS analytics.product_revenue_sizes (mcv) ON size, bucket FROM analytics.product_revenue;

create table analytics.product_windows (
  size smallint not null,
  bucket integer not null,
  product_id integer not null,
  views integer not null,
  carts integer not null,
  purchases integer not null,
  constraint product_windows_pkey PRIMARY KEY (size, bucket, product_id)
) with (fillfactor=80);
CREATE STATISTICS analytics.product_windows_sizes (mcv) ON size, bucket FROM analytics.product_windows;

create table analytics.products (
  id integer not null generated always as identity,
  key text not null,
  name text,
  category text,
  named boolean not null generated always as ((name IS NOT NULL)) stored,
  constraint products_key_id_named_key UNIQUE (key) INCLUDE (id, named),
  constraint products_pkey PRIMARY KEY (id)
);

create table analytics.sessions (
  started_at timestamp with time zone not null,
  ended_at timestamp with time zone not null,
  user_id integer not null,
  events integer not null,
  purchases integer not null,
  constraint sessions_pkey PRIMARY KEY (user_id, started_at)
) with (fillfactor=80);
CREATE INDEX sessions_started ON analytics.sessions USING btree (started_at);

create table analytics.user_hours (
  hour integer not null,
  user_id integer not null,
  minutes bigint not null,
  constraint user_hours_pkey PRIMARY KEY (hour, user_id)
) with (fillfactor=80);

create table analytics.user_months (
  month integer not null,
  user_id integer not null,
  days integer not null,
  view_days integer not null,
  constraint user_months_pkey PRIMARY KEY (month, user_id)
) with (fillfactor=80);

create table analytics.users (
  id integer not null generated always as identity,
  key text not null,
  constraint users_key_id_key UNIQUE (key) INCLUDE (id),
  constraint users_pkey PRIMARY KEY (id)
);

create table analytics.window_counts (
  size smallint not null,
  bucket integer not null,
  event_type integer not null,
  service_id integer not null,
  events bigint not null,
  constraint window_counts_pkey PRIMARY KEY (size, bucket, event_type, service_id)
) with (fillfactor=60);

create table analytics.window_revenue (
  size smallint not null,
  bucket integer not null,
  service_id integer not null,
  currency smallint not null,
  revenue numeric not null,
  orders bigint not null,
  refunds numeric not null,
  refund_count bigint not null,
  constraint window_revenue_pkey PRIMARY KEY (size, bucket, service_id, currency)
) with (fillfactor=60);

create table analytics.window_totals (
  size smallint not null,
  bucket integer not null,
  events bigint not null default 0,
  users integer not null default 0,
  sessions integer not null default 0,
  converted_sessions integer not null default 0,
  updated_at timestamp with time zone not null default now(),
  constraint window_totals_pkey PRIMARY KEY (size, bucket)
) with (fillfactor=60);


-- auth --------------------------------------------------------------------------------------------
create schema auth;

create domain auth.permission_pattern as text
  constraint permission_pattern_check CHECK ((VALUE ~ '^([a-z][a-z0-9_]{0,62}|\*)\.(get|post|put|patch|delete|\*)\.([a-z][a-z0-9_]{0,62}|\*)$'::text));

create table auth.audit_log (
  id bigint not null generated always as identity,
  at timestamp with time zone not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'::jsonb,
  constraint audit_log_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_log_subject ON auth.audit_log USING btree (subject, id DESC);

create table auth.extra_permissions (
  service_id integer not null,
  permission auth.permission_pattern not null,
  created_at timestamp with time zone not null default now(),
  constraint extra_permissions_pkey PRIMARY KEY (service_id, permission),
  constraint extra_permissions_service_id_fkey FOREIGN KEY (service_id) REFERENCES auth.services(id)
);
CREATE TRIGGER touch AFTER INSERT OR DELETE OR UPDATE ON auth.extra_permissions FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();

create table auth.keys (
  id text not null,
  env text not null,
  service_id integer not null,
  secret_hash bytea not null,
  label text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint keys_env_check CHECK ((env ~ '^[a-z][a-z0-9]{0,15}$'::text)),
  constraint keys_pkey PRIMARY KEY (id),
  constraint keys_secret_hash_check CHECK ((length(secret_hash) = 32)),
  constraint keys_service_id_fkey FOREIGN KEY (service_id) REFERENCES auth.services(id)
);
CREATE INDEX keys_service ON auth.keys USING btree (service_id);
CREATE TRIGGER touch AFTER INSERT OR DELETE OR UPDATE OF expires_at, revoked_at ON auth.keys FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();

create table auth.revision (
  only_row boolean not null default true,
  revision bigint not null,
  constraint revision_only_row_check CHECK (only_row),
  constraint revision_pkey PRIMARY KEY (only_row)
);

create table auth.revoked_permissions (
  service_id integer not null,
  permission auth.permission_pattern not null,
  created_at timestamp with time zone not null default now(),
  constraint revoked_permissions_pkey PRIMARY KEY (service_id, permission),
  constraint revoked_permissions_service_id_fkey FOREIGN KEY (service_id) REFERENCES auth.services(id)
);
CREATE TRIGGER touch AFTER INSERT OR DELETE OR UPDATE ON auth.revoked_permissions FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();

create table auth.roles (
  name text not null,
  description text not null default ''::text,
  permissions auth.permission_pattern[] not null,
  source text not null default 'file'::text,
  updated_at timestamp with time zone not null default now(),
  constraint roles_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,62}$'::text)),
  constraint roles_pkey PRIMARY KEY (name),
  constraint roles_source_check CHECK ((source = ANY (ARRAY['file'::text, 'api'::text])))
);
CREATE TRIGGER touch AFTER INSERT OR DELETE OR UPDATE ON auth.roles FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();

create table auth.services (
  id integer not null generated always as identity,
  name text not null,
  role text not null,
  created_at timestamp with time zone not null default now(),
  disabled_at timestamp with time zone,
  constraint services_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,62}$'::text)),
  constraint services_name_key UNIQUE (name),
  constraint services_pkey PRIMARY KEY (id)
);
CREATE TRIGGER touch AFTER INSERT OR DELETE OR UPDATE OF role, disabled_at ON auth.services FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();

create table auth.sessions (
  token_hash bytea not null,
  key_id text not null,
  csrf_token text not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  constraint sessions_key_id_fkey FOREIGN KEY (key_id) REFERENCES auth.keys(id),
  constraint sessions_pkey PRIMARY KEY (token_hash),
  constraint sessions_token_hash_check CHECK ((length(token_hash) = 32))
);
CREATE TRIGGER touch AFTER INSERT ON auth.sessions FOR EACH STATEMENT EXECUTE FUNCTION auth.touch();
CREATE TRIGGER touch_end AFTER DELETE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION auth.touch();

create table auth.signin_links (
  token_hash bytea not null,
  key_id text not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  constraint signin_links_key_id_fkey FOREIGN KEY (key_id) REFERENCES auth.keys(id),
  constraint signin_links_pkey PRIMARY KEY (token_hash),
  constraint signin_links_token_hash_check CHECK ((length(token_hash) = 32))
);

CREATE OR REPLACE FUNCTION auth.touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update auth.revision set revision = revision + 1;
  notify weir_auth;
  return null;
end $function$;


-- clock -------------------------------------------------------------------------------------------
create schema clock;

create table clock.days (
  day date not null,
  xid xid8 not null,
  constraint days_pkey PRIMARY KEY (day)
);

create table clock.machines (
  boot text not null,
  uptime_s double precision not null,
  trusted timestamp with time zone not null,
  constraint machines_pkey PRIMARY KEY (boot)
);

create table clock.state (
  only_row boolean not null default true,
  trusted timestamp with time zone not null,
  weir timestamp with time zone not null,
  deviation_s double precision,
  kind text,
  since timestamp with time zone,
  steady_s double precision not null default 0,
  constraint state_kind_check CHECK ((kind = ANY (ARRAY['step'::text, 'offline'::text, 'disagreement'::text]))),
  constraint state_only_row_check CHECK (only_row),
  constraint state_pkey PRIMARY KEY (only_row)
);

CREATE OR REPLACE FUNCTION clock.begin_day(trusted timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  today date := (begin_day.trusted at time zone 'UTC')::date;
begin
  if (select max(d.day) from clock.days d) is not distinct from today then return; end if;
  delete from clock.days d where d.day > today or d.day < today - 4000;
  insert into clock.days values (today, pg_snapshot_xmax(pg_current_snapshot())) on conflict do nothing;
  delete from clock.machines m where m.trusted < begin_day.trusted - interval '90 days';
end $function$;

CREATE OR REPLACE FUNCTION clock.confirm()
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
declare
  before timestamptz;
begin
  select s.trusted into before from clock.state s for update;
  update clock.state set trusted = clock_timestamp(), weir = clock_timestamp(), deviation_s = null, kind = null,
    since = null, steady_s = 0;
  -- what they have counted would bring the old time back
  delete from clock.machines;
  perform clock.begin_day(clock_timestamp());
  return before;
end $function$;

CREATE OR REPLACE FUNCTION clock.doubt_s(deviation_s double precision)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select least(86400, greatest(60, 10 * abs(deviation_s)))
$function$;

CREATE OR REPLACE FUNCTION clock.earliest()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select least(trusted, weir, clock_timestamp()) from clock.state
$function$;

CREATE OR REPLACE FUNCTION clock.first_xid_since(moment timestamp with time zone)
 RETURNS xid8
 LANGUAGE sql
 STABLE
AS $function$
  select min(xid) from clock.days where day >= (moment at time zone 'UTC')::date
$function$;

CREATE OR REPLACE FUNCTION clock.latest()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select greatest(trusted, clock_timestamp()) from clock.state
$function$;

CREATE OR REPLACE FUNCTION clock.tick(boot text, uptime_s double precision, postgresql timestamp with time zone, weir timestamp with time zone)
 RETURNS clock.state
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  kept clock.state;
  ticked clock.state;
  machine clock.machines;
  elapsed_s float8;
  deviation_s float8;
begin
  -- a lost tick costs nothing, and others wait for this one
  perform set_config('synchronous_commit', 'off', true);
  select * into kept from clock.state for update;
  select * into machine from clock.machines m where m.boot = boot;
  elapsed_s := uptime_s - machine.uptime_s;
  -- another process of the machine has read the clocks since
  if elapsed_s between -60 and 0 then return kept; end if;
  if elapsed_s < 0 then elapsed_s := null; end if;
  ticked := (true, greatest(kept.trusted, machine.trusted + elapsed_s * interval '1 second'), weir, null, null, null, 0);
  deviation_s := extract(epoch from postgresql - ticked.trusted);
  if abs(extract(epoch from weir - postgresql)) > 0.5 then
    -- which of them is wrong cannot be known
    ticked.kind := 'disagreement';
    deviation_s := case when abs(extract(epoch from weir - ticked.trusted)) > abs(deviation_s)
      then extract(epoch from weir - ticked.trusted) else deviation_s end;
  elsif abs(deviation_s) <= 0.5 then
    ticked.trusted := ticked.trusted
      + greatest(-0.1 * elapsed_s, least(0.1 * elapsed_s, deviation_s)) * interval '1 second';
  elsif elapsed_s is null and deviation_s between 0 and 3600 then
    -- the machine was restarted
    ticked.trusted := postgresql;
  else
    ticked.kind := case when elapsed_s is null or kept.kind = 'offline' then 'offline' else 'step' end;
    if kept.kind in ('step', 'offline') and abs(deviation_s - kept.deviation_s) <= 0.5 then
      ticked.steady_s := kept.steady_s + extract(epoch from ticked.trusted - kept.trusted);
    end if;
    if ticked.steady_s >= clock.doubt_s(deviation_s) then
      ticked.trusted := postgresql;
      ticked.kind := null;
    end if;
  end if;
  if ticked.kind is not null then
    ticked.deviation_s := deviation_s;
    ticked.since := coalesce(kept.since, ticked.trusted);
  else
    ticked.steady_s := 0;
  end if;
  update clock.state set trusted = ticked.trusted, weir = ticked.weir, deviation_s = ticked.deviation_s, kind = ticked.kind,
    since = ticked.since, steady_s = ticked.steady_s;
  insert into clock.machines values (boot, uptime_s, ticked.trusted)
  on conflict on constraint machines_pkey do update set uptime_s = excluded.uptime_s, trusted = excluded.trusted;
  perform clock.begin_day(ticked.trusted);
  return ticked;
end $function$;

CREATE OR REPLACE FUNCTION clock.trusted()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select trusted from clock.state
$function$;


-- deliveries --------------------------------------------------------------------------------------
create schema deliveries;

create table deliveries.attempts (
  delivery_id bigint not null,
  number integer not null,
  at timestamp with time zone not null,
  latency_ms real not null,
  status integer,
  error text,
  answer text,
  constraint attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES deliveries.deliveries(id) ON DELETE CASCADE,
  constraint attempts_pkey PRIMARY KEY (delivery_id, number)
);

create table deliveries.deliveries (
  id bigint not null generated always as identity,
  subscription_id uuid not null,
  service_id integer not null,
  event_id uuid not null,
  event_type text not null,
  user_key text,
  order_key text,
  state text not null default 'pending'::text,
  due_at timestamp with time zone not null default clock_timestamp(),
  attempts integer not null default 0,
  body text not null,
  bytes integer not null,
  replay_id uuid,
  created_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  last_error text,
  constraint deliveries_pkey PRIMARY KEY (id),
  constraint deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])))
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX deliveries_due ON deliveries.deliveries USING btree (subscription_id, due_at, id) WHERE (state = 'pending'::text);
CREATE INDEX deliveries_finished ON deliveries.deliveries USING btree (finished_at) WHERE (finished_at IS NOT NULL);
CREATE INDEX deliveries_log ON deliveries.deliveries USING btree (subscription_id, id);
CREATE INDEX deliveries_order ON deliveries.deliveries USING btree (subscription_id, order_key, id) WHERE ((state = 'pending'::text) AND (order_key IS NOT NULL));
CREATE INDEX deliveries_user ON deliveries.deliveries USING btree (user_key) WHERE (user_key IS NOT NULL);

create table deliveries.replays (
  id uuid not null,
  subscription_id uuid not null,
  received_from timestamp with time zone not null,
  received_to timestamp with time zone,
  reader text not null,
  end_position pg_snapshot not null,
  end_incarnation text not null,
  state text not null default 'running'::text,
  deliveries bigint not null default 0,
  requested_by text not null,
  requested_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  constraint replays_pkey PRIMARY KEY (id),
  constraint replays_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text]))),
  constraint replays_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES deliveries.subscriptions(id) ON DELETE CASCADE
);
CREATE INDEX replays_subscription ON deliveries.replays USING btree (subscription_id, requested_at);

create table deliveries.secrets (
  subscription_id uuid not null,
  secret text not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  constraint secrets_pkey PRIMARY KEY (subscription_id, secret),
  constraint secrets_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES deliveries.subscriptions(id) ON DELETE CASCADE
);

create table deliveries.state (
  only_row boolean not null default true,
  epoch bigint not null default 0,
  owner text,
  heartbeat_at timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,
  revision bigint not null default 0,
  constraint state_only_row_check CHECK (only_row),
  constraint state_pkey PRIMARY KEY (only_row)
) with (fillfactor=50);

create table deliveries.subscriptions (
  id uuid not null,
  name text not null,
  url text not null,
  event_types text[] not null default '{}'::text[],
  sources text[] not null default '{}'::text[],
  filter jsonb,
  projection text[],
  order_by text,
  concurrency integer not null,
  state text not null default 'active'::text,
  state_reason text,
  state_since timestamp with time zone not null default clock_timestamp(),
  start_position pg_snapshot,
  start_incarnation text,
  reader text,
  failing_since timestamp with time zone,
  created_by text not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint subscriptions_name_key UNIQUE (name),
  constraint subscriptions_order_by_check CHECK ((order_by = ANY (ARRAY['user'::text, 'product'::text, 'order'::text]))),
  constraint subscriptions_pkey PRIMARY KEY (id),
  constraint subscriptions_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'disabled'::text])))
);


-- dlq ---------------------------------------------------------------------------------------------
create schema dlq;

create table dlq.letters (
  id uuid not null default uuidv7(),
  part text not null,
  source_key text not null,
  source jsonb not null,
  reason text not null,
  error text not null,
  original bytea not null,
  edited bytea,
  content_type text not null,
  user_key text,
  attempts integer not null default 1,
  first_at timestamp with time zone not null default clock_timestamp(),
  last_at timestamp with time zone not null default clock_timestamp(),
  state text not null default 'open'::text,
  resolved_at timestamp with time zone,
  replay_id uuid,
  bytes integer not null generated always as ((octet_length(original) + COALESCE(octet_length(edited), 0))) stored,
  constraint letters_part_check CHECK (((length(part) >= 1) AND (length(part) <= 64))),
  constraint letters_part_source_key_key UNIQUE (part, source_key),
  constraint letters_pkey PRIMARY KEY (id),
  constraint letters_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 100))),
  constraint letters_replay_id_fkey FOREIGN KEY (replay_id) REFERENCES dlq.replays(id),
  constraint letters_replaying CHECK (((state = 'replaying'::text) = (replay_id IS NOT NULL))),
  constraint letters_resolved CHECK (((state = ANY (ARRAY['resolved'::text, 'discarded'::text])) = (resolved_at IS NOT NULL))),
  constraint letters_source_key_check CHECK (((length(source_key) >= 1) AND (length(source_key) <= 1000))),
  constraint letters_state_check CHECK ((state = ANY (ARRAY['open'::text, 'replaying'::text, 'resolved'::text, 'discarded'::text])))
);
CREATE INDEX letters_groups ON dlq.letters USING btree (state, part, reason) INCLUDE (bytes);
CREATE INDEX letters_newest ON dlq.letters USING btree (last_at DESC, id DESC);
CREATE INDEX letters_replay ON dlq.letters USING btree (replay_id, id) WHERE (state = 'replaying'::text);
CREATE INDEX letters_state ON dlq.letters USING btree (state, last_at DESC, id DESC);
CREATE INDEX letters_user ON dlq.letters USING btree (user_key) WHERE (user_key IS NOT NULL);

create table dlq.replays (
  id uuid not null default uuidv7(),
  filter jsonb not null,
  requested_by text not null,
  state text not null default 'queued'::text,
  total integer not null default 0,
  done integer not null default 0,
  failed integer not null default 0,
  requested_at timestamp with time zone not null default clock_timestamp(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  paused_until timestamp with time zone,
  pauses integer not null default 0,
  problem text,
  constraint replays_pkey PRIMARY KEY (id),
  constraint replays_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text])))
);
CREATE INDEX replays_open ON dlq.replays USING btree (id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE OR REPLACE FUNCTION dlq.add(part text, source_key text, source jsonb, reason text, error text, original bytea, user_key text, content_type text DEFAULT 'application/json'::text)
 RETURNS uuid
 LANGUAGE sql
AS $function$
  insert into dlq.letters as l (part, source_key, source, reason, error, original, user_key, content_type)
  values ($1, $2, $3, left($4, 100), left($5, 4000), $6, $7, $8)
  on conflict (part, source_key) do update
  set source = excluded.source, reason = excluded.reason, error = excluded.error,
    user_key = excluded.user_key, attempts = l.attempts + 1, last_at = excluded.last_at,
    state = 'open', resolved_at = null, replay_id = null
  returning id
$function$;


-- engine ------------------------------------------------------------------------------------------
create schema engine;

create table engine.folded (
  xid xid8 not null,
  event_id uuid not null,
  service_id integer not null,
  constraint folded_pkey PRIMARY KEY (xid, event_id, service_id)
);

create table engine.rerun_hours (
  rerun bigint not null,
  pass integer not null,
  hour integer not null,
  rows bigint not null,
  changed boolean not null,
  constraint rerun_hours_pkey PRIMARY KEY (rerun, pass, hour),
  constraint rerun_hours_rerun_fkey FOREIGN KEY (rerun) REFERENCES engine.reruns(id) ON DELETE CASCADE
);

create table engine.reruns (
  id bigint not null generated always as identity,
  first_hour integer not null,
  until_hour integer not null,
  state text not null default 'open'::text,
  requested_by text not null,
  requested_at timestamp with time zone not null default clock_timestamp(),
  token bigint not null default 0,
  owner text,
  supervisor text,
  supervised_at timestamp with time zone,
  pass integer not null default 1,
  changed boolean not null default false,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  error text,
  failures integer not null default 0,
  failed_at bigint not null default 0,
  constraint reruns_check CHECK ((until_hour > first_hour)),
  constraint reruns_pkey PRIMARY KEY (id),
  constraint reruns_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'failed'::text])))
);
CREATE UNIQUE INDEX reruns_open ON engine.reruns USING btree (first_hour, until_hour) WHERE (state = 'open'::text);

create table engine.runs (
  epoch bigint not null,
  owner text not null,
  checkpoint text not null,
  began_at timestamp with time zone not null default clock_timestamp(),
  batch_id bigint,
  batches bigint not null default 0,
  events bigint not null default 0,
  folded_at timestamp with time zone,
  report jsonb,
  reported_at timestamp with time zone,
  constraint runs_pkey PRIMARY KEY (epoch)
);

create unlogged table engine.staged (
  token uuid not null,
  xid xid8 not null,
  event_id uuid not null,
  service_id integer not null,
  occurred_at timestamp with time zone not null,
  event_type text not null,
  user_key text,
  product_key text,
  amount numeric,
  currency text,
  items json,
  staged_at timestamp with time zone not null default now()
);
CREATE INDEX staged_token ON engine.staged USING btree (token);
alter table engine.staged alter column items set statistics 0;

create table engine.state (
  only_row boolean not null default true,
  engine text not null default 'builtin'::text,
  epoch bigint not null default 0,
  configured text,
  changed_at timestamp with time zone not null default clock_timestamp(),
  changed_by text,
  job_wanted boolean not null default true,
  supervisor text,
  supervised_at timestamp with time zone,
  constraint state_engine_check CHECK ((engine = ANY (ARRAY['builtin'::text, 'spark'::text]))),
  constraint state_only_row_check CHECK (only_row),
  constraint state_pkey PRIMARY KEY (only_row)
);

create view engine.counted as
 SELECT service_id,
    format,
    event_id,
    received_at,
    occurred_at,
    xid,
    user_key,
    product_key,
    amount,
    currency,
    event_type,
    event_ref,
    items,
    payload
   FROM raw.events r
  WHERE pg_visible_in_snapshot(xid, ( SELECT readers."position"
           FROM log.readers
          WHERE readers.name = 'windows'::text)) OR (EXISTS ( SELECT
           FROM engine.folded f
          WHERE f.xid = r.xid AND f.event_id = r.event_id AND f.service_id = r.service_id));

CREATE OR REPLACE FUNCTION engine.advance(reader log.readers, folded integer)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_variable
declare
  most_missing constant int := 100;
  at_once int := greatest(folded, 5000);
  read_at timestamptz := clock_timestamp();
  reached pg_snapshot := reader.position;
  since timestamptz := log.since(reader.position, reader.since);
  seen pg_snapshot;
  open_since timestamptz;
  low xid8[];
  high xid8[];
  page record;
  cut xid8;
begin
  perform engine.open_batch();
  -- as in log.next_page
  select pg_current_snapshot(), o.since into seen, open_since from log.open_days o;
  loop
    with unread as materialized (
      select u.xid, u.received_at, b.event_id is null and (
          select true from engine.folded f
          where f.xid = u.xid and f.event_id = u.event_id and f.service_id = u.service_id) is null as missing
      from log.unread(reached, seen, since, at_once) u
      left join batch b on b.xid = u.xid and b.event_id = u.event_id and b.service_id = u.service_id
    )
    select array_agg(distinct u.xid) filter (where missing and u.xid < pg_snapshot_xmax(reached)) as low,
      array_agg(distinct u.xid order by u.xid) filter (where missing and u.xid >= pg_snapshot_xmax(reached)) as high,
      count(*) filter (where u.xid >= pg_snapshot_xmax(reached)) >= at_once as more,
      max(u.xid) as last_xid, max(u.received_at) as newest
    into page from unread u;
    low := coalesce(page.low, '{}');
    high := coalesce(page.high, '{}');
    cut := high[1 + greatest(0, most_missing - cardinality(low))];
    if cut is null and page.more then
      cut := (page.last_xid::text::numeric + 1)::text::xid8;
      read_at := least(read_at, page.newest);
      reached := engine.position_before(cut, seen, low || high);
      continue;
    end if;
    reached := engine.position_before(coalesce(cut, pg_snapshot_xmax(seen)), seen, low || high);
    exit;
  end loop;
  perform log.advance('windows', reader.position, reached,
    case when cut is null and low = '{}' and high = '{}' then open_since else since end, read_at, folded);

  perform engine.forget(reached);
  insert into engine.folded (xid, event_id, service_id)
  select b.xid, b.event_id, b.service_id from batch b
  where b.event_id is not null and not pg_visible_in_snapshot(b.xid, reached);
end $function$;

CREATE OR REPLACE FUNCTION engine.apply_rerun(rerun bigint, token bigint, pass integer, hour integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  if to_regclass('pg_temp.rerun_staged') is null then
    raise exception 'hour % is not staged in this session', hour using errcode = '25000';
  end if;
  perform engine.refuse_own_tables();
  perform engine.demand_rerun(rerun, token, pass);
  if etl.apply_rerun(null, hour) <> 'applied' then return false; end if;
  insert into engine.rerun_hours (rerun, pass, hour, rows, changed)
  select rerun, pass, hour, s.rows, s.changed from rerun_staged s
  on conflict do nothing;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION engine.begin_rerun(contract integer, rerun bigint, owner text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  new_token bigint;
begin
  perform engine.demand_contract(contract, 2);
  -- not only the columns that engine.demand_rerun leaves to others: waits for transactions of earlier jobs
  perform from engine.reruns r where r.id = rerun for update;
  update engine.reruns r set token = r.token + 1, owner = left(owner, 200), started_at = coalesce(r.started_at, clock_timestamp())
  where r.id = rerun and r.state = 'open' returning r.token into new_token;
  if new_token is null then raise exception 'fenced: rerun % has ended', rerun using errcode = 'WF001'; end if;
  return new_token;
end $function$;

CREATE OR REPLACE FUNCTION engine.begin_run(contract integer, owner text, checkpoint text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  run_epoch bigint;
begin
  perform engine.demand_contract(contract, 1);
  perform from log.readers where name = 'windows' for no key update;
  if (select s.engine from engine.state s) <> 'spark' then perform engine.demand(null); end if;
  update engine.state s set epoch = s.epoch + 1 returning s.epoch into run_epoch;
  insert into engine.runs (epoch, owner, checkpoint) values (run_epoch, left(owner, 200), left(checkpoint, 200));
  delete from engine.runs r where r.epoch <= run_epoch - 20;
  delete from engine.staged;
  return run_epoch;
end $function$;

CREATE OR REPLACE FUNCTION engine.configure(setting text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
declare
  before text;
begin
  perform from log.readers where name = 'windows' for no key update;
  select configured into before from engine.state;
  if before is distinct from setting then
    perform engine.use(setting, 'configuration');
    update engine.state set configured = setting;
  end if;
  return (select s.engine from engine.state s);
end $function$;

CREATE OR REPLACE FUNCTION engine.contract()
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $function$ select 2 $function$;

CREATE OR REPLACE FUNCTION engine.demand(run_epoch bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  current engine.state;
begin
  select * into current from engine.state;
  if current.engine <> 'spark' then
    raise exception 'fenced: the built-in engine folds the windows now' using errcode = 'WF001',
      hint = 'Run "weir engine use spark" and start the job again.';
  end if;
  if current.epoch is distinct from run_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', run_epoch, current.epoch using errcode = 'WF001';
  end if;
end $function$;

CREATE OR REPLACE FUNCTION engine.demand_contract(contract integer, oldest integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if contract between oldest and engine.contract() then return; end if;
  raise exception 'the job speaks version % of the contract, and this database version %', contract, engine.contract()
  using errcode = 'WE002', hint = 'Install the job that belongs to this version of Weir, or run "weir migrate".';
end $function$;

CREATE OR REPLACE FUNCTION engine.demand_rerun(rerun bigint, token bigint, pass integer)
 RETURNS engine.reruns
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  found_rerun engine.reruns;
begin
  select * into found_rerun from engine.reruns r where r.id = rerun for key share;
  if found_rerun.state is distinct from 'open' or found_rerun.token <> token or found_rerun.pass <> pass then
    raise exception 'fenced: another job continues rerun %, or it has ended', rerun using errcode = 'WF001';
  end if;
  return found_rerun;
end $function$;

CREATE OR REPLACE FUNCTION engine.end_rerun(rerun bigint, token bigint, error text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  ended engine.reruns;
begin
  perform from engine.reruns r where r.id = rerun for update;
  perform engine.demand_rerun(rerun, token, null);
  update engine.reruns r set state = case when error is null then 'done' else 'failed' end, error = left(error, 500),
    finished_at = clock_timestamp() where r.id = rerun returning * into ended;
  insert into etl.window_runs (size, start, state, requested_by, requested_at, started_at, finished_at, attempts, rows, changed, error)
  select 'day', etl.start_of_hour(24 * d.day), ended.state, ended.requested_by, ended.requested_at, ended.started_at,
    ended.finished_at, ended.token, d.rows, d.changed, ended.error
  from (
    select floor(h.hour / 24::float8)::int as day, sum(h.rows) filter (where h.pass = ended.pass) as rows, bool_or(h.changed) as changed
    from engine.rerun_hours h where h.rerun = rerun group by 1
  ) d
  -- days of which a part was recomputed are not shown as recomputed
  where 24 * d.day >= ended.first_hour and 24 * d.day + 24 <= ended.until_hour;
end $function$;

CREATE OR REPLACE FUNCTION engine.fold_batch(epoch bigint, checkpoint text, batch_id bigint, tokens uuid[], counts integer[], OUT staged integer, OUT folded integer, OUT known integer, OUT gone integer, OUT behind bigint, OUT lag_ms bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET work_mem TO '64MB'
AS $function$
#variable_conflict use_variable
declare
  reader log.readers;
  batch_read record;
  is_complete boolean;
begin
  -- Spark forgets the messages of a batch once the answer says that it is folded
  if current_setting('synchronous_commit') = 'off' then perform set_config('synchronous_commit', 'on', true); end if;
  perform engine.open_batch();
  -- as in log.next_page
  perform log.incarnation();
  select * into reader from log.readers where name = 'windows' for no key update;
  perform engine.demand(epoch);

  select coalesce(sum(t.events), 0),
    coalesce(bool_and(t.events = (select count(*) from engine.staged s where s.token = t.token)), true)
  into staged, is_complete from unnest(tokens, counts) t (token, events);
  if not is_complete then
    raise exception 'staged events of the batch are missing' using errcode = 'WE001',
      hint = 'Stage the batch again: PostgreSQL has restarted after a crash, or the batch waited for too long.';
  end if;

  batch_read := engine.read_batch(tokens, reader.position, log.since(reader.position, reader.since));
  if exists (select from batch where occurred_at > received_at + interval '25 hours') then perform etl.note_misdated(); end if;
  folded := (select count(*) from batch);
  if folded > 0 then perform etl.fold('{}'); end if;
  known := staged - folded - (batch_read.candidates - batch_read.present);
  gone := batch_read.candidates - batch_read.present;

  perform engine.advance(reader, folded);
  delete from engine.staged s where s.token = any (tokens);
  update engine.runs r set batch_id = batch_id, batches = r.batches + 1, events = r.events + folded, folded_at = clock_timestamp()
  where r.epoch = epoch;
  select l.events, l.age_seconds * 1000 into behind, lag_ms from log.lag('windows', 1000) l;
end $function$;

CREATE OR REPLACE FUNCTION engine.forget("position" pg_snapshot)
 RETURNS void
 LANGUAGE sql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
  delete from engine.folded f
  where f.xid < pg_snapshot_xmax("position") and pg_visible_in_snapshot(f.xid, "position")
$function$;

CREATE OR REPLACE FUNCTION engine.live_model()
 RETURNS TABLE(id text, kind text, dimension integer, file_id uuid, bytes integer)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select m.id, m.kind, m.dimension, m.file_id, m.file_bytes from vectors.models m where m.state = 'live' limit 1
$function$;

CREATE OR REPLACE FUNCTION engine.model_piece(file uuid, place integer)
 RETURNS bytea
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select f.bytes from vectors.model_files f where f.file_id = file and f.place = model_piece.place
$function$;

CREATE OR REPLACE FUNCTION engine.open_batch()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform engine.refuse_own_tables();
  perform etl.open_batch();
  if to_regclass('pg_temp.batch_staged') is null then
    create temporary table batch_staged (like engine.staged) on commit delete rows;
    alter table batch_staged drop column token, drop column staged_at;
    -- a session that began before an upgrade
    if not exists (select from pg_attribute where attrelid = 'pg_temp.batch'::regclass and attname = 'event_id') then
      alter table pg_temp.batch add column event_id uuid;
    end if;
  end if;
end $function$;

CREATE OR REPLACE FUNCTION engine.position_before(cut xid8, seen pg_snapshot, missing xid8[])
 RETURNS pg_snapshot
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select (coalesce(min(x)::text, cut::text) || ':' || cut || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  from (
    select running::text::numeric as x from pg_snapshot_xip(seen) running where running < cut
    union select m::text::numeric from unnest(missing) m where m < cut
  ) n
$function$;

CREATE OR REPLACE FUNCTION engine.read_batch(tokens uuid[], "position" pg_snapshot, since timestamp with time zone, OUT candidates integer, OUT present integer)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  xids xid8[];
begin
  insert into batch_staged
  select distinct on (s.xid, s.event_id, s.service_id) s.xid, s.event_id, s.service_id, s.occurred_at, s.event_type,
    s.user_key, s.product_key, s.amount, s.currency, s.items
  from engine.staged s
  where s.token = any (tokens) and not pg_visible_in_snapshot(s.xid, "position");
  get diagnostics candidates = row_count;
  if candidates = 0 then
    present := 0;
    return;
  end if;
  xids := array(select distinct s.xid from batch_staged s);

  insert into batch (occurred_at, received_at, xid, minute, hour, day, service_id, event_type, action, user_id, product_id,
    currency, amount, items, event_type_name, user_key, product_key, currency_code, format, payload, event_id)
  select e.occurred_at, e.received_at, e.xid, e.minute, etl.hour_of_minute(e.minute), etl.day_of_minute(e.minute),
    e.service_id, t.id, t.action, e.user_id, e.product_id,
    (select c.id from analytics.currencies c where c.code = e.currency_code), e.amount, e.items,
    e.event_type, e.user_key, e.product_key, e.currency_code, e.format,
    -- as in etl.read_batch
    case when (e.items is not null or (select p.named from analytics.products p where p.id = e.product_id) is not true)
      and position('"name"' in e.payload) > 0 then e.payload end,
    e.event_id
  from (
    select s.*, r.received_at, r.format, r.payload, etl.minute_of(s.occurred_at) as minute,
      case when s.amount is not null then coalesce(s.currency, 'XXX') end as currency_code,
      (select u.id from analytics.users u where u.key = s.user_key) as user_id,
      (select p.id from analytics.products p where p.key = s.product_key) as product_id
    from batch_staged s
    join raw.events r on r.xid = s.xid and r.event_id = s.event_id and r.service_id = s.service_id
    where r.xid = any (xids) and r.received_at >= since
    offset 0
  ) e
  left join analytics.event_types t on t.name = e.event_type;
  get diagnostics present = row_count;

  if exists (select from engine.folded) then
    delete from batch b
    where (select true from engine.folded f where f.xid = b.xid and f.event_id = b.event_id and f.service_id = b.service_id);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION engine.refuse_own_tables()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.relnamespace = pg_my_temp_schema() and c.relowner <> (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
  ) then
    raise exception 'this session has temporary tables of its own' using errcode = '42501';
  end if;
end $function$;

CREATE OR REPLACE FUNCTION engine.report(run_epoch bigint, report jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  perform engine.demand(run_epoch);
  if octet_length(report::text) > 16384 then
    raise exception 'a report has at most 16 KiB' using errcode = '22001';
  end if;
  update engine.runs r set report = report, reported_at = clock_timestamp() where r.epoch = run_epoch;
end $function$;

CREATE OR REPLACE FUNCTION engine.rerun_work(rerun bigint, token bigint)
 RETURNS TABLE(pass integer, day integer, hours integer[])
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  most_passes constant int := 6;
  current engine.reruns;
  changed_hours bigint;
begin
  perform from engine.reruns r where r.id = rerun for update;
  current := engine.demand_rerun(rerun, token, null);
  loop
    return query
    select current.pass, floor(h / 24::float8)::int, array_agg(h order by h) from generate_series(current.first_hour, current.until_hour - 1) h
    where not exists (
      select from engine.rerun_hours d where d.rerun = rerun and d.pass = current.pass and d.hour = h) group by 2 order by 2;
    if found then return; end if;
    select count(*) into changed_hours from engine.rerun_hours d where d.rerun = rerun and d.pass = current.pass and d.changed;
    exit when changed_hours = 0 or current.pass >= most_passes;
    update engine.reruns r set pass = r.pass + 1, changed = true where r.id = rerun returning * into current;
  end loop;
  if changed_hours > 0 then
    perform engine.end_rerun(rerun, token, changed_hours || ' hours were still changed by pass ' || most_passes);
  else
    perform engine.end_rerun(rerun, token, null);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION engine.stage_rerun(rerun bigint, token bigint, pass integer, hour integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  current engine.reruns;
begin
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception 'an hour is staged in a transaction of isolation level repeatable read' using errcode = '25000';
  end if;
  perform engine.refuse_own_tables();
  select * into current from engine.reruns r where r.id = rerun;
  if current.state is distinct from 'open' or current.token <> token or current.pass <> pass
    or hour < current.first_hour or hour >= current.until_hour then
    raise exception 'fenced: another job continues rerun %, or it has ended', rerun using errcode = 'WF001';
  end if;
  perform etl.stage_rerun(hour);
end $function$;

CREATE OR REPLACE FUNCTION engine.sweep()
 RETURNS void
 LANGUAGE sql
AS $function$
  delete from engine.staged where staged_at not between clock_timestamp() - interval '1 hour' and clock_timestamp() + interval '1 hour'
$function$;

CREATE OR REPLACE FUNCTION engine.use(next_engine text, by text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  perform from log.readers where name = 'windows' for no key update;
  update engine.state s set engine = next_engine, epoch = s.epoch + 1, changed_at = clock_timestamp(), changed_by = by
  where s.engine <> next_engine;
  if not found then return false; end if;
  if next_engine = 'builtin' then delete from engine.staged; end if;
  perform pg_notify('weir_raw', ''), pg_notify('weir_engine', '');
  return true;
end $function$;


-- erasure -----------------------------------------------------------------------------------------
create schema erasure;

create table erasure.blocks (
  user_hash bytea not null,
  request_id uuid not null,
  blocked_at timestamp with time zone not null default now(),
  constraint blocks_pkey PRIMARY KEY (user_hash),
  constraint blocks_request_id_fkey FOREIGN KEY (request_id) REFERENCES erasure.requests(id),
  constraint blocks_user_hash_check CHECK ((length(user_hash) = 32))
);

create table erasure.hours (
  request_id uuid not null,
  hour timestamp with time zone not null,
  run_id bigint,
  constraint hours_pkey PRIMARY KEY (request_id, hour),
  constraint hours_request_id_fkey FOREIGN KEY (request_id) REFERENCES erasure.requests(id)
);

create table erasure.requests (
  id uuid not null default gen_random_uuid(),
  user_hash bytea not null,
  user_key text,
  state text not null default 'queued'::text,
  stage text,
  requested_by text not null,
  requested_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  raw_events bigint not null default 0,
  dead_letters bigint not null default 0,
  points bigint not null default 0,
  analytics_rows bigint not null default 0,
  error text,
  after_request text not null default 'allow'::text,
  seen pg_snapshot,
  seen_since timestamp with time zone,
  step smallint not null default 0,
  analytics_user integer,
  last_page bigint,
  hours_corrected integer not null default 0,
  hours_kept integer not null default 0,
  constraint requests_after_request_check CHECK ((after_request = ANY (ARRAY['block'::text, 'allow'::text]))),
  constraint requests_pkey PRIMARY KEY (id),
  constraint requests_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text])))
);
CREATE INDEX requests_open ON erasure.requests USING btree (requested_at) WHERE (state <> 'done'::text);

CREATE OR REPLACE FUNCTION erasure.erase_blocks(request_ids uuid[], partition regclass, from_block bigint, to_block bigint, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  rows tid[];
  counted pg_snapshot;
begin
  execute format('select array(
      select e.ctid from %s e where e.ctid >= $1 and e.ctid < $2 and exists (
        select from erasure.requests q
        where q.id = any ($3) and q.user_key = e.user_key and pg_visible_in_snapshot(e.xid, q.seen))
      limit $4)', partition)
  using format('(%s,0)', from_block)::tid, format('(%s,0)', to_block)::tid, request_ids, most into rows;
  if cardinality(rows) = 0 then return 0; end if;

  perform etl.open_retraction();
  select r.position into counted from log.readers r where r.name = 'windows' for no key update;
  execute format('with gone as (
      delete from %s e using erasure.requests q
      where e.ctid = any ($1) and q.id = any ($2) and q.user_key = e.user_key and pg_visible_in_snapshot(e.xid, q.seen)
      returning q.id, e.xid, e.event_id, e.service_id, e.occurred_at, e.event_type, e.product_key, e.amount, e.currency, e.items
    ), noted as (
      update erasure.requests q set raw_events = q.raw_events + g.events
      from (select id, count(*) as events from gone group by id) g where q.id = g.id
    )
    insert into retracted_events (occurred_at, event_type, product_key, amount, currency, items)
    select g.occurred_at, g.event_type, g.product_key, g.amount, g.currency, g.items from gone g
    where pg_visible_in_snapshot(g.xid, $3) or exists (
      select from engine.folded f where f.xid = g.xid and f.event_id = g.event_id and f.service_id = g.service_id)', partition)
  using rows, request_ids, counted;
  perform etl.retract_products();
  return cardinality(rows);
end $function$;

CREATE OR REPLACE FUNCTION erasure.later_events(request uuid)
 RETURNS TABLE(service_id integer, event_id uuid)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
AS $function$
#variable_conflict use_column
declare
  q erasure.requests;
begin
  select * into q from erasure.requests where id = request;
  return query
  select r.service_id, r.event_id
  from log.unread(q.seen, pg_current_snapshot(), log.since(q.seen, q.seen_since), null) r
  where r.user_key = q.user_key;
end $function$;

CREATE OR REPLACE FUNCTION erasure.mentions(content text, user_key text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select strpos(content, user_key) > 0
    and content ~ ('(^|\W)' || regexp_replace(user_key, '([^[:alnum:]_[:space:]])', '\\\1', 'g') || '(\W|$)')
$function$;

CREATE OR REPLACE FUNCTION erasure.retire(request_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  ids uuid[];
  keys text[];
  seen pg_snapshot[];
  since timestamptz[];
  retired int[];
begin
  -- in the order of every transaction that holds both
  perform from log.readers where name = 'windows' for no key update;
  select array_agg(q.id order by q.id), array_agg(q.user_key order by q.id), array_agg(q.seen order by q.id),
    array_agg(q.seen_since order by q.id)
  into ids, keys, seen, since
  from (select * from erasure.requests where id = any (request_ids) and step = 2 order by id for update) q;
  if ids is null then return; end if;
  retired := etl.retire_users(keys, seen, since);
  update erasure.requests q set step = 3, analytics_user = r.user_id
  from unnest(ids, retired) r (id, user_id) where q.id = r.id;
end $function$;


-- etl ---------------------------------------------------------------------------------------------
create schema etl;

create table etl.day_revisions (
  day integer not null,
  revision bigint not null,
  constraint day_revisions_pkey PRIMARY KEY (day)
);

create table etl.event_type_actions (
  name text not null,
  action smallint not null,
  constraint event_type_actions_action_check CHECK (((action >= 1) AND (action <= 5))),
  constraint event_type_actions_pkey PRIMARY KEY (name)
);

create table etl.leases (
  reader text not null,
  epoch bigint not null,
  owner text not null,
  heartbeat_at timestamp with time zone not null,
  constraint leases_pkey PRIMARY KEY (reader)
);

create table etl.misdated (
  received_day date not null,
  occurred_day date not null,
  constraint misdated_pkey PRIMARY KEY (received_day, occurred_day)
);

create table etl.raw_history (
  only_row boolean not null default true,
  first_raw_day date not null,
  constraint raw_history_only_row_check CHECK (only_row),
  constraint raw_history_pkey PRIMARY KEY (only_row)
);

create table etl.retired_users (
  user_id integer not null,
  xid xid8 not null default pg_current_xact_id(),
  constraint retired_users_pkey PRIMARY KEY (user_id)
);

create table etl.retractions (
  hour integer not null,
  xid xid8 not null,
  constraint retractions_pkey PRIMARY KEY (hour)
);

create table etl.window_runs (
  id bigint not null generated always as identity,
  size text not null,
  start timestamp with time zone not null,
  state text not null,
  requested_by text not null,
  requested_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  attempts integer not null default 0,
  rows bigint,
  changed boolean,
  error text,
  constraint window_runs_pkey PRIMARY KEY (id),
  constraint window_runs_size_check CHECK ((size = ANY (ARRAY['minute'::text, 'hour'::text, 'day'::text]))),
  constraint window_runs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text])))
);
CREATE INDEX window_runs_open ON etl.window_runs USING btree (id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX window_runs_window ON etl.window_runs USING btree (size, start, id DESC);

create view etl.cursors as
 SELECT name AS reader,
    epoch,
    "position",
    read_at,
    events
   FROM log.readers;

CREATE OR REPLACE FUNCTION etl.apply_facts(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  delete from analytics.facts where ctid = any (array(
    select row from (
      select f.ctid as row, w.n, row_number() over (partition by w.*) as copy
      from analytics.facts f join wrong_facts w on w.n < 0 and f.occurred_at = w.occurred_at
        and (f.user_id, f.product_id, f.event_type, f.service_id, f.action, f.currency, f.amount)
          is not distinct from (w.user_id, w.product_id, w.event_type, w.service_id, w.action, w.currency, w.amount)
      where f.occurred_at >= starts and f.occurred_at < ends
    ) extra where copy <= -n)) and occurred_at >= starts and occurred_at < ends;
  insert into analytics.facts (occurred_at, user_id, product_id, event_type, service_id, action, currency, amount)
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount
  from wrong_facts cross join generate_series(1, n) where n > 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.apply_hour(worker_epoch bigint, hour integer, staged log.readers)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
declare
  current log.readers;
  noted int[] := array(select user_id from rerun_users);
begin
  select * into current from log.readers where name = 'windows' for no key update;
  if current.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, current.epoch using errcode = 'WF001';
  end if;

  perform etl.stage_events_since(staged, current."position", hour, noted);
  if exists (
    select from etl.staged_sessions(hour, true) s left join rerun_covered c on c.user_id = s.user_id
    where c.until is null or s.ended_at >= c.until - interval '30 minutes'
  ) then
    return false;
  end if;
  -- late events may have changed what lies before the hour
  delete from rerun_last_views where user_id = any (noted);
  perform etl.stage_last_views(hour);

  perform etl.apply_facts(hour);
  perform etl.apply_sums();
  perform etl.apply_users(hour, noted);
  perform etl.apply_totals();
  return true;
end $function$;

CREATE OR REPLACE FUNCTION etl.apply_rerun(worker_epoch bigint, hour integer)
 RETURNS text
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
declare
  current log.readers;
  staged record;
begin
  select * into staged from rerun_staged;
  if staged.hour is distinct from hour then raise exception 'hour % is not staged in this session', hour; end if;
  if not staged.changed then return 'applied'; end if;
  select * into current from log.readers where name = 'windows' for no key update;
  perform etl.demand_raw_events(hour);
  if etl.was_retracted(hour, staged.seen) or etl.day_revision(hour) <> staged.revision then return 'outdated'; end if;
  if not etl.apply_hour(coalesce(worker_epoch, current.epoch), hour, staged.reader) then return 'extended'; end if;
  insert into etl.day_revisions as r (day, revision) values (floor(hour / 24::float8)::int, 1)
  on conflict (day) do update set revision = r.revision + 1;
  return 'applied';
end $function$;

CREATE OR REPLACE FUNCTION etl.apply_sums()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into analytics.window_counts as w select * from wrong_counts
  on conflict (size, bucket, event_type, service_id) do update set events = w.events + excluded.events;
  delete from analytics.window_counts w using wrong_counts o
  where w.size = o.size and w.bucket = o.bucket and w.event_type = o.event_type and w.service_id = o.service_id and w.events = 0;

  insert into analytics.window_revenue as w select * from wrong_revenue
  on conflict (size, bucket, service_id, currency) do update set
    revenue = w.revenue + excluded.revenue, orders = w.orders + excluded.orders,
    refunds = w.refunds + excluded.refunds, refund_count = w.refund_count + excluded.refund_count;
  delete from analytics.window_revenue w using wrong_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.service_id = o.service_id and w.currency = o.currency
    and w.orders = 0 and w.refund_count = 0;

  insert into analytics.product_windows as w select * from wrong_product_windows
  on conflict (size, bucket, product_id) do update set
    views = w.views + excluded.views, carts = w.carts + excluded.carts, purchases = w.purchases + excluded.purchases;
  delete from analytics.product_windows w using wrong_product_windows o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.views = 0 and w.carts = 0 and w.purchases = 0;

  insert into analytics.product_revenue as w select * from wrong_product_revenue
  on conflict (size, bucket, product_id, currency) do update set revenue = w.revenue + excluded.revenue;
  delete from analytics.product_revenue w using wrong_product_revenue o
  where w.size = o.size and w.bucket = o.bucket and w.product_id = o.product_id and w.currency = o.currency and w.revenue = 0
    and not exists (select from rerun_products p where p.action = 3 and p.product_id = w.product_id and p.currency = w.currency);
end $function$;

CREATE OR REPLACE FUNCTION etl.apply_totals()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into analytics.window_totals as w (size, bucket, events, users, sessions, converted_sessions)
  select size, bucket, sum(events), sum(users), sum(sessions), sum(converted_sessions) from wrong_totals group by 1, 2
  on conflict (size, bucket) do update set events = w.events + excluded.events, users = w.users + excluded.users,
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions,
    updated_at = now();
  delete from analytics.window_totals w using wrong_totals o where w.size = o.size and w.bucket = o.bucket and w.events = 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.apply_users(hour integer, noted integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  perform etl.replace_users(hour, noted, -1);
  delete from analytics.user_hours u where u.hour = hour and u.user_id = any (noted);
  insert into analytics.user_hours select hour, user_id, minutes from etl.staged_user_hours(hour, true);
  update analytics.user_months m set days = m.days & ~etl.bit_of_day(day), view_days = m.view_days & ~etl.bit_of_day(day)
  where m.month = etl.month_of_day(day) and m.user_id = any (noted);
  insert into analytics.user_months as m
  select etl.month_of_day(day), user_id, etl.bit_of_day(day),
    case when bit_or(minutes) >> 60 & 1 = 1 then etl.bit_of_day(day) else 0 end
  from analytics.user_hours u where u.hour between 24 * day and 24 * day + 23 and u.user_id = any (noted) group by 2
  on conflict (month, user_id) do update set days = m.days | excluded.days, view_days = m.view_days | excluded.view_days;
  delete from analytics.user_months m where m.month = etl.month_of_day(day) and m.user_id = any (noted) and m.days = 0;
  delete from analytics.sessions where user_id = any (noted) and started_at >= starts and started_at < ends;
  insert into analytics.sessions (user_id, started_at, ended_at, events, purchases)
  select user_id, started_at, ended_at, events, purchases from etl.staged_sessions(hour, true);
  delete from analytics.key_facts where user_id = any (noted) and occurred_at >= starts and occurred_at < ends;
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at) select * from etl.staged_key_facts(hour, true);
  truncate batch_carts;
  insert into batch_carts (user_id, occurred_at) select user_id, starts from unnest(noted) user_id;
  perform etl.correct_purchases();
  perform etl.replace_users(hour, noted, 1);
end $function$;

CREATE OR REPLACE FUNCTION etl.bit_of_day(day integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select 1 << (extract(day from date '1970-01-01' + day)::int - 1) $function$;

CREATE OR REPLACE FUNCTION etl.compare_counts(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  create temporary table wrong_counts as
  with hours as (
    select 1::smallint as size, etl.minute_of(occurred_at) as bucket, event_type, service_id, 1 as events from rerun_events where inside
    union all select 2, hour, event_type, service_id, 1 from rerun_events where inside
    union all select size, bucket, event_type, service_id, -events from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (select size, bucket, event_type, service_id, sum(events) as events from hours group by 1, 2, 3, 4)
  select size, bucket, event_type, service_id, sum(events)::bigint as events from (
    select * from off
    union all select 3, day, event_type, service_id, events from off where size = 2
    union all select 3, day, event_type, service_id, events from analytics.window_counts
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, event_type, service_id, -events from analytics.window_counts where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(events) <> 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.compare_facts(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table wrong_facts as
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, sum(n) as n from (
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, 1 as n from rerun_events where inside
    union all
    select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount, -1 from analytics.facts
    where occurred_at >= starts and occurred_at < ends
  ) f group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(n) <> 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.compare_hour(hour integer)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
begin
  perform etl.compare_facts(hour);
  perform etl.compare_counts(hour);
  perform etl.compare_revenue(hour);
  perform etl.compare_products(hour);
  perform etl.note_wrong_users(hour);
  perform etl.compare_totals(hour);
  return (select count(*) from rerun_events where inside);
end $function$;

CREATE OR REPLACE FUNCTION etl.compare_products(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  create temporary table wrong_product_windows as
  with hours as (
    select product_id, (action = 1)::int as views, (action = 2)::int as carts, (action = 3)::int as purchases from rerun_products
    union all select product_id, -views, -carts, -purchases from analytics.product_windows where size = 2 and bucket = hour
  ), off as (
    select 2::smallint as size, hour as bucket, product_id, sum(views) as views, sum(carts) as carts, sum(purchases) as purchases
    from hours group by 3
  )
  select size, bucket, product_id, sum(views)::int as views, sum(carts)::int as carts, sum(purchases)::int as purchases from (
    select * from off
    union all select 3, day, product_id, views, carts, purchases from off
    union all select 3, day, product_id, views, carts, purchases from analytics.product_windows
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, -views, -carts, -purchases from analytics.product_windows where size = 3 and bucket = day
  ) d group by 1, 2, 3 having sum(views) <> 0 or sum(carts) <> 0 or sum(purchases) <> 0;

  create temporary table wrong_product_revenue as
  with hours as (
    select product_id, currency, amount as revenue from rerun_products
    where action = 3 and amount is not null and currency is not null
    union all select product_id, currency, -revenue from analytics.product_revenue where size = 2 and bucket = hour
  ), off as (select 2::smallint as size, hour as bucket, product_id, currency, sum(revenue) as revenue from hours group by 3, 4)
  select size, bucket, product_id, currency, sum(revenue) as revenue from (
    select * from off
    union all select 3, day, product_id, currency, revenue from off
    union all select 3, day, product_id, currency, revenue from analytics.product_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, product_id, currency, -revenue from analytics.product_revenue where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.compare_revenue(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  create temporary table wrong_revenue as
  with hours as (
    select size, bucket, service_id, currency,
      case when action = 3 then amount else 0 end as revenue, (action = 3)::int as orders,
      case when action = 4 then abs(amount) else 0 end as refunds, (action = 4)::int as refund_count
    from rerun_events cross join lateral (values (1::smallint, etl.minute_of(occurred_at)), (2::smallint, hour)) v (size, bucket)
    where inside and action in (3, 4) and amount is not null
    union all
    select size, bucket, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour)
  ), off as (
    select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders) as orders, sum(refunds) as refunds,
      sum(refund_count) as refund_count from hours group by 1, 2, 3, 4
  )
  select size, bucket, service_id, currency, sum(revenue) as revenue, sum(orders)::bigint as orders,
    sum(refunds) as refunds, sum(refund_count)::bigint as refund_count from (
    select * from off
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from off where size = 2
    union all select 3, day, service_id, currency, revenue, orders, refunds, refund_count from analytics.window_revenue
    where size = 2 and bucket between 24 * day and 24 * day + 23
    union all select 3, day, service_id, currency, -revenue, -orders, -refunds, -refund_count from analytics.window_revenue
    where size = 3 and bucket = day
  ) d group by 1, 2, 3, 4 having sum(revenue) <> 0 or sum(orders) <> 0 or sum(refunds) <> 0 or sum(refund_count) <> 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.compare_totals(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table wrong_totals as
  with expected as (
    select size, bucket, events, 0::bigint as users, 0::bigint as sessions, 0::bigint as converted from wrong_counts
    union all select size, bucket, sum(events), 0, 0, 0 from analytics.window_counts
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
    group by 1, 2
    union all select 1, m, 0, count(*), 0, 0 from analytics.user_hours u cross join generate_series(60 * hour, 60 * hour + 59) m
    where u.hour = hour and (minutes >> (m - 60 * hour)) & 1 = 1 group by m
    union all select 2, hour, 0, count(*), 0, 0 from analytics.user_hours u where u.hour = hour
    union all select 3, day, 0, count(*), 0, 0 from analytics.user_months
    where month = etl.month_of_day(day) and days & etl.bit_of_day(day) <> 0
    union all
    select size, bucket, 0, 0, count(*), count(*) filter (where purchases > 0)
    from analytics.sessions cross join lateral (
      values (1::smallint, etl.minute_of(started_at)), (2::smallint, hour)) v (size, bucket)
    where started_at >= starts and started_at < ends group by 1, 2
    union all
    select 3, day, 0, 0, count(*), count(*) filter (where purchases > 0) from analytics.sessions
    where started_at >= etl.start_of_hour(24 * day) and started_at < etl.start_of_hour(24 * day + 24)
    union all
    select size, bucket, -events, -users, -sessions, -converted_sessions from analytics.window_totals
    where (size = 1 and bucket between 60 * hour and 60 * hour + 59) or (size = 2 and bucket = hour) or (size = 3 and bucket = day)
  )
  select size, bucket, sum(events)::bigint as events, sum(users)::int as users, sum(sessions)::int as sessions,
    sum(converted)::int as converted_sessions from expected group by 1, 2
  having sum(events) <> 0 or sum(users) <> 0 or sum(sessions) <> 0 or sum(converted) <> 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.correct_purchases()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_nestloop TO 'off'
AS $function$
begin
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select carts.user_id, bought.occurred_at, 3, cart.last_view_at
  from (select user_id, min(occurred_at) as first from batch_carts group by 1) carts
  cross join lateral (
    select k.occurred_at, k.last_view_at from analytics.key_facts k
    where k.user_id = carts.user_id and k.occurred_at >= carts.first and k.action = 3 offset 0) bought
  left join lateral etl.last_cart(carts.user_id, bought.occurred_at) cart on true
  where cart.last_view_at is distinct from bought.last_view_at
  on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at;
end $function$;

CREATE OR REPLACE FUNCTION etl.day_of_minute(minute integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select floor(minute / 1440::float8)::int $function$;

CREATE OR REPLACE FUNCTION etl.day_revision(hour integer)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
  select coalesce((select revision from etl.day_revisions where day = floor(hour / 24::float8)::int), 0)
$function$;

CREATE OR REPLACE FUNCTION etl.days_of_users(users integer[])
 RETURNS TABLE(user_id integer, day integer)
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
AS $function$
  select m.user_id, make_date(m.month / 12, m.month % 12 + 1, 1) - date '1970-01-01' + bit
  from analytics.user_months m cross join generate_series(0, 30) bit
  where m.month = any (array(select generate_series((select min(month) from analytics.user_months),
      (select max(month) from analytics.user_months))))
    and m.user_id = any (users) and ((m.days | m.view_days) >> bit) & 1 = 1
  union
  select s.user_id, etl.day_of_minute(etl.minute_of(s.started_at)) from analytics.sessions s where s.user_id = any (users)
  union
  select k.user_id, etl.day_of_minute(etl.minute_of(k.occurred_at)) from analytics.key_facts k where k.user_id = any (users)
$function$;

CREATE OR REPLACE FUNCTION etl.demand_raw_events(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if etl.raw_events_gone(floor(hour / 24::float8)::int) then
    raise exception 'retention has dropped raw events of the hour %: a rerun would lose them', etl.start_of_hour(hour)
    using errcode = 'WE003';
  end if;
end $function$;

CREATE OR REPLACE FUNCTION etl.drop_facts(before timestamp with time zone)
 RETURNS text[]
 LANGUAGE plpgsql
AS $function$
declare
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in
    select c.relname
    from pg_inherits h
    join pg_class c on c.oid = h.inhrelid
    where h.inhparent = 'analytics.facts'::regclass and c.relname ~ '^facts_\d{8}$'
      and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= before
    order by c.relname
  loop
    execute format('drop table analytics.%I', name);
    dropped := dropped || name;
  end loop;
  return dropped;
end $function$;

CREATE OR REPLACE FUNCTION etl.ensure_facts_partitions(first date, last date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  made int := 0;
  day date;
  starts timestamptz;
begin
  for day in select d::date from generate_series(first, last, interval '1 day') d
             where to_regclass('analytics.facts_' || to_char(d, 'YYYYMMDD')) is null loop
    perform pg_advisory_xact_lock(hashtext('etl.ensure_facts_partitions'));
    starts := day::timestamp at time zone 'UTC';
    continue when exists (
      select from analytics.facts_default where occurred_at >= starts and occurred_at < starts + interval '24 hours');
    execute format('create table if not exists analytics.%I partition of analytics.facts for values from (%L) to (%L)',
      'facts_' || to_char(day, 'YYYYMMDD'), starts, starts + interval '24 hours');
    made := made + 1;
  end loop;
  return made;
end $function$;

CREATE OR REPLACE FUNCTION etl.facts_partition(day integer)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$ select coalesce(
     to_regclass('analytics.facts_' || to_char(date '1970-01-01' + day, 'YYYYMMDD')),
     'analytics.facts_default'::regclass)::text $function$;

CREATE OR REPLACE FUNCTION etl.find_last_views()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  lookup int;
begin
  for round in 1..2 loop
    for lookup in select distinct view_day from batch_carts where last_view_at is null and view_day is not null loop
      execute format('update batch_carts c set last_view_at = (
          select max(occurred_at) from %s v where v.user_id = c.user_id and v.action = 1
          and v.occurred_at >= $2 and v.occurred_at < $2 + interval ''24 hours'' and v.occurred_at <= c.occurred_at)
        where view_day = $1 and last_view_at is null', etl.facts_partition(lookup))
      using lookup, timestamptz '1970-01-01 00:00:00+00' + lookup * interval '24 hours';
    end loop;
    exit when round = 2;
    update batch_carts set view_day = (select d.view_day from etl.last_view_day(user_id, view_day - 1) d)
    where last_view_at is null and view_day is not null;
  end loop;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold(stage_us integer[])
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  stage text;
  since timestamptz;
begin
  foreach stage in array array['names', 'items', 'labels', 'facts', 'counts', 'users', 'sessions', 'products', 'key_facts'] loop
    since := clock_timestamp();
    case stage
      when 'names' then perform etl.fold_names();
      when 'items' then perform etl.fold_items();
      when 'labels' then perform etl.fold_labels();
      when 'facts' then perform etl.fold_facts();
      when 'counts' then perform etl.fold_counts();
      when 'users' then perform etl.fold_users();
      when 'sessions' then perform etl.fold_sessions();
      when 'products' then perform etl.fold_products();
      when 'key_facts' then perform etl.fold_key_facts();
    end case;
    stage_us := stage_us || (extract(epoch from clock_timestamp() - since) * 1e6)::int;
  end loop;
  return stage_us;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_counts()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  with fine as materialized (
    select minute, hour, day, event_type, service_id, count(*) as events from batch group by 1, 2, 3, 4, 5
  ), added as materialized (
    select size, bucket, event_type, service_id, sum(events) as events
    from fine cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3, 4
  ), counted as (
    insert into analytics.window_counts as w select * from added order by 1, 2, 3, 4
    on conflict (size, bucket, event_type, service_id) do update set events = w.events + excluded.events
  )
  insert into analytics.window_totals as w (size, bucket, events, updated_at)
  select size, bucket, sum(events), now() from added group by 1, 2 order by 1, 2
  on conflict (size, bucket) do update set events = w.events + excluded.events, updated_at = excluded.updated_at;

  insert into analytics.window_revenue as w
  select size, bucket, service_id, currency,
    coalesce(sum(amount) filter (where action = 3), 0), count(*) filter (where action = 3),
    coalesce(sum(abs(amount)) filter (where action = 4), 0), count(*) filter (where action = 4)
  from batch cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
  where action in (3, 4) and amount is not null
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (size, bucket, service_id, currency) do update set
    revenue = w.revenue + excluded.revenue, orders = w.orders + excluded.orders,
    refunds = w.refunds + excluded.refunds, refund_count = w.refund_count + excluded.refund_count;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_facts()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into analytics.facts (occurred_at, user_id, product_id, event_type, service_id, action, currency, amount)
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount from batch;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_items()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
  if not exists (select from batch where items is not null) then return; end if;
  insert into batch_products (hour, day, action, currency, amount, product_key, format, payload, product_id)
  select b.hour, b.day, b.action, b.currency, i.amount, i.key, b.format, b.payload,
    (select id from analytics.products p where p.key = i.key)
  from batch b cross join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(b.items) item where item ->> 'id' is not null group by 1
  ) i where b.items is not null and b.action between 1 and 3;
  insert into analytics.products (key)
  select distinct product_key from batch_products where product_id is null on conflict do nothing;
  update batch_products b set product_id = (select id from analytics.products p where p.key = b.product_key)
  where product_id is null;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_key_facts()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_nestloop TO 'off'
AS $function$
begin
  -- late views: only users who already have a cart at or after their first view of this batch
  with viewers as materialized (
    select user_id, min(occurred_at) as first from batch where action = 1 and user_id is not null group by 1
  ), late as materialized (
    select user_id, first from viewers v where (
      select true from analytics.key_facts k where k.user_id = v.user_id and k.occurred_at >= v.first and k.action = 2 limit 1)
  ), timeline as (
    select b.user_id, b.occurred_at, 1 as action, null::timestamptz as last_view_at
    from late join batch b on b.user_id = late.user_id and b.action = 1
    union all
    select late.user_id, cart.* from late cross join lateral (
      select occurred_at, 2, last_view_at from analytics.key_facts k
      where k.user_id = late.user_id and k.occurred_at >= late.first and k.action = 2 offset 0) cart
  ), seen as (
    select *, max(occurred_at) filter (where action = 1)
      over (partition by user_id order by occurred_at, action) as view_at from timeline
  ), corrected as (
    insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
    select user_id, occurred_at, 2, view_at from seen
    where action = 2 and view_at > coalesce(last_view_at, '-infinity')
    on conflict (user_id, occurred_at, action) do update set last_view_at = excluded.last_view_at
    returning user_id, occurred_at, last_view_at
  )
  insert into batch_carts (user_id, occurred_at, last_view_at) select * from corrected;

  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, c.occurred_at, d.view_day from (
    select distinct user_id, occurred_at, day from batch where action = 2 and user_id is not null
  ) c left join lateral etl.last_view_day(c.user_id, c.day) d on true;
  perform etl.find_last_views();
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select user_id, occurred_at, 2, last_view_at from batch_carts
  on conflict do nothing;
  insert into analytics.key_facts (user_id, occurred_at, action, last_view_at)
  select b.user_id, b.occurred_at, 3, cart.last_view_at
  from (select distinct user_id, occurred_at from batch where action = 3 and user_id is not null) b
  left join lateral etl.last_cart(b.user_id, b.occurred_at) cart on true
  on conflict do nothing;
  perform etl.correct_purchases();
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_labels()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  if not exists (select from batch where payload is not null) then return; end if;
  update analytics.products p set name = source.name, category = source.category
  from (
    select product_id, label.name, label.category from (
      select distinct on (product_id) product_id, product_key, format, payload from (
        select product_id, product_key, format, payload from batch where payload is not null and items is null
        union all
        select product_id, product_key, format, payload from batch_products where payload is not null
      ) told
      where exists (select from analytics.products u where u.key = told.product_key and not u.named)
      order by product_id, length(payload) desc
    ) longest cross join lateral etl.product_label(format, payload, product_key) label
    where label.name is not null
    offset 0
  ) source where p.id = source.product_id;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_names()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
  if exists (select from batch where event_type is null) then
    insert into analytics.event_types (name, action)
    select distinct b.event_type_name, coalesce(a.action, 0)
    from batch b left join etl.event_type_actions a on a.name = b.event_type_name
    where b.event_type is null on conflict do nothing;
    update batch b set (event_type, action) = (
      select id, action from analytics.event_types t where t.name = b.event_type_name)
    where event_type is null;
  end if;
  if exists (select from batch where user_id is null and user_key is not null) then
    insert into analytics.users (key)
    select distinct user_key from batch where user_id is null and user_key is not null on conflict do nothing;
    update batch b set user_id = (select id from analytics.users u where u.key = b.user_key)
    where user_id is null and user_key is not null;
  end if;
  if exists (select from batch where currency is null and currency_code is not null) then
    insert into analytics.currencies (code)
    select distinct currency_code from batch where currency is null and currency_code is not null on conflict do nothing;
    update batch b set currency = (select id from analytics.currencies c where c.code = b.currency_code)
    where currency is null and currency_code is not null;
  end if;
  if exists (select from batch where product_id is null and product_key is not null) then
    -- named by its longest payload; JSON is parsed only for what is new
    insert into analytics.products (key, name, category)
    select product_key, label.name, label.category from (
      select distinct on (product_key) product_key, format, payload from batch
      where product_id is null and product_key is not null order by product_key, length(payload) desc nulls last
    ) told left join lateral etl.product_label(format, payload, product_key) label on true
    on conflict do nothing;
    update batch b set product_id = (select id from analytics.products p where p.key = b.product_key)
    where product_id is null and product_key is not null;
    update batch set payload = null where payload is not null and items is null;
  end if;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_products()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  merge into analytics.product_windows w using (
    with fine as materialized (
      select hour, day, product_id, count(*) filter (where action = 1) as views,
        count(*) filter (where action = 2) as carts, count(*) filter (where action = 3) as purchases
      from (
        select hour, day, product_id, action from batch where product_id is not null and items is null and action between 1 and 3
        union all
        select hour, day, product_id, action from batch_products
      ) p group by 1, 2, 3
    )
    select size, bucket, product_id, sum(views) as views, sum(carts) as carts, sum(purchases) as purchases
    from fine cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3 order by 1, 2, 3
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id
  when matched then update set views = w.views + a.views, carts = w.carts + a.carts, purchases = w.purchases + a.purchases
  when not matched then insert values (a.size, a.bucket, a.product_id, a.views, a.carts, a.purchases);

  merge into analytics.product_revenue w using (
    select size, bucket, product_id, currency, sum(amount) as revenue
    from (
      select hour, day, product_id, currency, amount from batch
      where product_id is not null and items is null and action = 3 and amount is not null
      union all
      select hour, day, product_id, currency, amount from batch_products
      where action = 3 and amount is not null and currency is not null
    ) p cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id and w.currency = a.currency
  when matched then update set revenue = w.revenue + a.revenue
  when not matched then insert values (a.size, a.bucket, a.product_id, a.currency, a.revenue);
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_sessions()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  insert into batch_users
  select span.*, near.*, span.last <= span.first + interval '30 minutes' and near.started_at <= span.first is not false
  from (
    select user_id, min(occurred_at) as first, max(occurred_at) as last, count(*) as events,
      count(*) filter (where action = 3) as purchases
    from batch where user_id is not null group by user_id
  ) span
  left join lateral (
    select ctid, started_at, ended_at from analytics.sessions s
    where s.user_id = span.user_id and s.started_at <= span.last + interval '30 minutes'
    order by started_at desc limit 1) near on true;

  with extended as (
    -- by row address: the only writer of sessions holds the position, so the rows have not moved
    update analytics.sessions s
    set ended_at = greatest(s.ended_at, b.last), events = s.events + b.events, purchases = s.purchases + b.purchases
    from batch_users b
    where b.simple and s.ctid = b.session and b.first <= b.ended_at + interval '30 minutes'
    returning new.started_at, (new.purchases > 0)::int - (old.purchases > 0)::int as converted
  ), opened as (
    insert into analytics.sessions (user_id, started_at, ended_at, events, purchases)
    select user_id, first, last, events, purchases from batch_users
    where simple and first <= ended_at + interval '30 minutes' is not true order by user_id
    returning started_at, (purchases > 0)::int as converted
  ), moved as (
    select etl.minute_of(started_at) as minute, sum(sessions) as sessions, sum(converted) as converted from (
      select started_at, 1 as sessions, converted from opened
      union all
      select started_at, 0, converted from extended where converted <> 0
    ) d group by 1
  )
  insert into analytics.window_totals as w (size, bucket, sessions, converted_sessions)
  select size, bucket, sum(sessions), sum(converted)
  from moved cross join lateral (values (1::smallint, minute), (2::smallint, etl.hour_of_minute(minute)),
    (3::smallint, etl.day_of_minute(minute))) v (size, bucket)
  group by 1, 2 order by 1, 2
  on conflict (size, bucket) do update set
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions;

  if exists (select from batch_users where not simple) then perform etl.fold_tangled_sessions(); end if;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_tangled_sessions()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_nestloop TO 'off'
AS $function$
begin
  with span as materialized (
    select user_id, first, last from batch_users where not simple
  ), latest as materialized (
    -- for a user in order this is the only interval near: one probe
    select span.user_id, span.first, near.* from span cross join lateral (
      select ctid as row, started_at, ended_at, events, purchases from analytics.sessions s
      where s.user_id = span.user_id and s.started_at <= span.last + interval '30 minutes'
      order by started_at desc limit 1) near
  ), existing as materialized (
    select user_id, row, started_at, ended_at, events, purchases from latest
    union all
    select latest.user_id, near.row, near.started_at, near.ended_at, near.events, near.purchases
    from latest cross join lateral (
      (select ctid as row, started_at, ended_at, events, purchases from analytics.sessions s
       where s.user_id = latest.user_id and s.started_at <= latest.first order by started_at desc limit 1)
      union all
      (select ctid, started_at, ended_at, events, purchases from analytics.sessions s
       where s.user_id = latest.user_id and s.started_at > latest.first and s.started_at < latest.started_at offset 0)
    ) near where latest.started_at > latest.first
  ), intervals as (
    select user_id, occurred_at as started_at, occurred_at as ended_at, 1 as events, (action = 3)::int as purchases,
      null::tid as row from batch where user_id in (select user_id from span)
    union all
    select user_id, started_at, ended_at, events, purchases, row from existing
  ), opened as (
    select *, case when started_at - max(ended_at) over (partition by user_id order by started_at, ended_at
        rows between unbounded preceding and 1 preceding) <= interval '30 minutes' then 0 else 1 end as opens
    from intervals
  ), numbered as (
    select *, sum(opens) over (partition by user_id order by started_at, ended_at) as run from opened
  ), merged as materialized (
    select user_id, min(started_at) as started_at, max(ended_at) as ended_at, sum(events)::int as events,
      sum(purchases)::int as purchases, array_agg(row) filter (where row is not null) as rows,
      array_agg(started_at) filter (where row is not null) as starts
    from numbered group by user_id, run
  ), deleted as (
    -- by row address: a join would scan the table
    delete from analytics.sessions where ctid = any (array(
      select o.row from merged cross join lateral unnest(rows, starts) o (row, started_at)
      where o.started_at <> merged.started_at))
    returning started_at, purchases
  ), kept as (
    insert into analytics.sessions as s (user_id, started_at, ended_at, events, purchases)
    select user_id, started_at, ended_at, events, purchases from merged order by user_id, started_at
    on conflict (user_id, started_at) do update
    set ended_at = excluded.ended_at, events = excluded.events, purchases = excluded.purchases
    where s.events <> excluded.events
    returning new.started_at, old.started_at as before,
      (new.purchases > 0)::int - coalesce((old.purchases > 0)::int, 0) as converted
  ), moved as (
    select etl.minute_of(started_at) as minute, sum(sessions) as sessions, sum(converted) as converted from (
      select started_at, (before is null)::int as sessions, converted from kept where before is null or converted <> 0
      union all
      select started_at, -1, -(purchases > 0)::int from deleted
    ) d group by 1
  )
  insert into analytics.window_totals as w (size, bucket, sessions, converted_sessions)
  select size, bucket, sum(sessions), sum(converted)
  from moved cross join lateral (values (1::smallint, minute), (2::smallint, etl.hour_of_minute(minute)),
    (3::smallint, etl.day_of_minute(minute))) v (size, bucket)
  group by 1, 2 having sum(sessions) <> 0 or sum(converted) <> 0 order by 1, 2
  on conflict (size, bucket) do update set
    sessions = w.sessions + excluded.sessions, converted_sessions = w.converted_sessions + excluded.converted_sessions;
end $function$;

CREATE OR REPLACE FUNCTION etl.fold_users()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
begin
  with present as materialized (
    select minute, hour, day, user_id, bool_or(action = 1) as viewed from batch
    where user_id is not null group by 1, 2, 3, 4
  ), hours as (
    insert into analytics.user_hours as u
    select hour, user_id, bit_or(1::bigint << (minute - 60 * hour)) | case when bool_or(viewed) then 1::bigint << 60 else 0 end
    from present group by 1, 2 order by 1, 2
    on conflict (hour, user_id) do update set minutes = u.minutes | excluded.minutes
    where u.minutes | excluded.minutes <> u.minutes
    returning new.hour, new.user_id, coalesce(old.minutes, 0) as before
  ), fresh as materialized (
    select p.minute, p.hour, p.day, p.user_id, p.viewed, h.before
    from hours h join present p on p.hour = h.hour and p.user_id = h.user_id
    where (h.before >> (p.minute - 60 * p.hour)) & 1 = 0 or (p.viewed and (h.before >> 60) & 1 = 0)
  ), days as materialized (
    select day, user_id, bool_or(viewed) as viewed from fresh
    where before = 0 or (viewed and (before >> 60) & 1 = 0) group by 1, 2
  ), months as (
    insert into analytics.user_months as u
    select etl.month_of_day(day), user_id, bit_or(etl.bit_of_day(day)),
      coalesce(bit_or(etl.bit_of_day(day)) filter (where viewed), 0)
    from days group by 1, 2 order by 1, 2
    on conflict (month, user_id) do update
    set days = u.days | excluded.days, view_days = u.view_days | excluded.view_days
    where u.days | excluded.days <> u.days or u.view_days | excluded.view_days <> u.view_days
    returning new.month, new.user_id, coalesce(old.days, 0) as before
  ), added as (
    select 1::smallint as size, minute as bucket, count(*) as users from fresh
    where (before >> (minute - 60 * hour)) & 1 = 0 group by 2
    union all
    select 2, hour, count(*) from hours where before = 0 group by 2
    union all
    select 3, d.day, count(*) from days d join months m on m.month = etl.month_of_day(d.day) and m.user_id = d.user_id
    where m.before & etl.bit_of_day(d.day) = 0 group by 2
  )
  insert into analytics.window_totals as w (size, bucket, users)
  select size, bucket, users from added order by 1, 2
  on conflict (size, bucket) do update set users = w.users + excluded.users;
end $function$;

CREATE OR REPLACE FUNCTION etl.hour_of_minute(minute integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select floor(minute / 60::float8)::int $function$;

CREATE OR REPLACE FUNCTION etl.last_cart(buyer integer, at timestamp with time zone)
 RETURNS TABLE(last_view_at timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
  select k.last_view_at from analytics.key_facts k
  where k.user_id = buyer and k.occurred_at <= at and k.action = 2 order by k.occurred_at desc limit 1
$function$;

CREATE OR REPLACE FUNCTION etl.last_view_day(viewer integer, day integer)
 RETURNS TABLE(view_day integer)
 LANGUAGE sql
 STABLE
AS $function$
  select make_date(month / 12, month % 12 + 1, 1) - date '1970-01-01' + 32 - position(B'1' in view_days_until::bit(32))
  from analytics.user_months m cross join lateral (
    select case when month = etl.month_of_day(day)
      then m.view_days & (2::bigint * etl.bit_of_day(day) - 1)::int else m.view_days end as view_days_until) v
  where user_id = viewer and month <= etl.month_of_day(day) and view_days_until <> 0
  order by month desc limit 1
$function$;

CREATE OR REPLACE FUNCTION etl.minute_of(at timestamp with time zone)
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select (date_part('epoch', date_bin('1 minute', at, timestamptz '1970-01-01 00:00:00+00')) / 60)::int $function$;

CREATE OR REPLACE FUNCTION etl.month_of_day(day integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select (extract(year from date '1970-01-01' + day) * 12 + extract(month from date '1970-01-01' + day) - 1)::int $function$;

CREATE OR REPLACE FUNCTION etl.note_misdated()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into etl.misdated (received_day, occurred_day)
  select distinct (received_at at time zone 'UTC')::date, (occurred_at at time zone 'UTC')::date
  from batch where occurred_at > received_at + interval '25 hours'
  on conflict do nothing;
end $function$;

CREATE OR REPLACE FUNCTION etl.note_wrong_users(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
begin
  create temporary table rerun_hours as select * from etl.staged_user_hours(hour, false);
  create temporary table rerun_sessions as select * from etl.staged_sessions(hour, false);
  create temporary table rerun_key_facts as select * from etl.staged_key_facts(hour, false);
  insert into rerun_users
  select coalesce(n.user_id, o.user_id) from rerun_hours n
  full join (select user_id, minutes from analytics.user_hours u where u.hour = hour) o using (user_id)
  where n.minutes is distinct from o.minutes
  union
  select coalesce(n.user_id, o.user_id) from rerun_sessions n
  full join (select * from analytics.sessions where started_at >= starts and started_at < ends) o using (user_id, started_at)
  where (n.ended_at, n.events, n.purchases) is distinct from (o.ended_at, o.events, o.purchases)
  union
  select coalesce(n.user_id, o.user_id) from rerun_key_facts n
  full join (select * from analytics.key_facts where occurred_at >= starts and occurred_at < ends) o using (user_id, occurred_at, action)
  where n.user_id is null or o.user_id is null or n.last_view_at is distinct from o.last_view_at
  union
  select coalesce(n.user_id, o.user_id) from (
    select user_id, bit_or(minutes) >> 60 & 1 = 1 as viewed from (
      select user_id, minutes from rerun_hours
      union all select user_id, minutes from analytics.user_hours u
      where u.hour between 24 * day and 24 * day + 23 and u.hour <> hour) h group by 1
  ) n full join (
    select user_id, view_days & etl.bit_of_day(day) <> 0 as viewed from analytics.user_months
    where month = etl.month_of_day(day) and (days | view_days) & etl.bit_of_day(day) <> 0
  ) o using (user_id) where n.viewed is distinct from o.viewed
  union
  select user_id from analytics.user_months where month = etl.month_of_day(day)
    and view_days & etl.bit_of_day(day) <> 0 and days & etl.bit_of_day(day) = 0
  union
  -- until the facts are right, a new cart may be given a wrong last view
  select user_id from wrong_facts where action = 1 and user_id is not null;
end $function$;

CREATE OR REPLACE FUNCTION etl.oldest_raw_day()
 RETURNS date
 LANGUAGE sql
 STABLE
AS $function$
  select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i
  join pg_class c on c.oid = i.inhrelid where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
$function$;

CREATE OR REPLACE FUNCTION etl.open_batch()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  -- the last of the tables below
  if to_regclass('pg_temp.batch_users') is not null then return; end if;
  -- `if not exists`: sessions that began before an upgrade may have these
  create temporary table if not exists batch (
    occurred_at timestamptz not null, received_at timestamptz not null, xid xid8 not null,
    minute int not null, hour int not null, day int not null,
    service_id int not null, event_type int, action smallint, user_id int, product_id int, currency smallint,
    amount numeric, items json,
    event_type_name text not null, user_key text, product_key text, currency_code text,
    -- only of events whose product has no name yet
    format smallint, payload text,
    -- only in batches of Spark
    event_id uuid
  ) on commit delete rows;
  create temporary table if not exists batch_products (
    hour int not null, day int not null, action smallint not null, product_id int, currency smallint, amount numeric,
    product_key text, format smallint, payload text
  ) on commit delete rows;
  create temporary table if not exists batch_carts (
    user_id int not null, occurred_at timestamptz not null, view_day int, last_view_at timestamptz
  ) on commit delete rows;
  create temporary table batch_users (
    user_id int not null, first timestamptz not null, last timestamptz not null,
    events int not null, purchases int not null,
    -- the user's latest session that begins at most 30 minutes after the last of these events
    session tid, started_at timestamptz, ended_at timestamptz,
    -- the events are one run by themselves, and of all sessions only that one can be near
    simple bool not null
  ) on commit delete rows;
end $function$;

CREATE OR REPLACE FUNCTION etl.open_rerun()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  drop table if exists pg_temp.rerun_events, pg_temp.rerun_products, pg_temp.rerun_covered, pg_temp.rerun_users,
    pg_temp.rerun_hours, pg_temp.rerun_days, pg_temp.rerun_sessions, pg_temp.rerun_key_facts, pg_temp.rerun_last_views, pg_temp.rerun_folded, pg_temp.rerun_staged,
    pg_temp.wrong_facts, pg_temp.wrong_counts, pg_temp.wrong_totals, pg_temp.wrong_revenue,
    pg_temp.wrong_product_windows, pg_temp.wrong_product_revenue;
  create temporary table rerun_events (
    occurred_at timestamptz not null, inside boolean not null, user_id int, product_id int, event_type int,
    service_id int not null, action smallint, currency smallint, amount numeric, items json);
  create temporary table rerun_covered (user_id int primary key, until timestamptz not null);
  create temporary table rerun_users (user_id int primary key);
  -- what Spark had folded beyond the position when the hour was staged
  create temporary table rerun_folded (
    xid xid8 not null, event_id uuid not null, service_id int not null, primary key (xid, event_id, service_id));
  -- one row: the hour, and what etl.apply_rerun needs to know of the moment at which it was staged
  create temporary table rerun_staged (
    hour int not null, reader log.readers not null, seen pg_snapshot not null, revision bigint not null,
    rows bigint not null, changed boolean not null);
  create temporary table rerun_last_views (user_id int primary key, last_view_at timestamptz, cart_view_at timestamptz);
end $function$;

CREATE OR REPLACE FUNCTION etl.open_retraction()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  -- the last of the tables below
  if to_regclass('pg_temp.retracted_totals') is not null then return; end if;
  create temporary table if not exists retracted_events (
    occurred_at timestamptz not null, event_type text not null, product_key text, amount numeric, currency text, items json
  ) on commit delete rows;
  create temporary table if not exists retracted_products (
    hour int not null, day int not null, product_id int not null, action smallint not null, currency smallint, amount numeric
  ) on commit delete rows;
  create temporary table if not exists retracted_facts (
    minute int not null, hour int not null, event_type int not null, service_id int not null, action smallint not null,
    currency smallint, amount numeric, user_id int not null
  ) on commit delete rows;
  create temporary table retracted_totals (
    size smallint not null, bucket int not null, events bigint not null, users int not null, sessions int not null,
    converted int not null
  ) on commit delete rows;
end $function$;

CREATE OR REPLACE FUNCTION etl.product_label(format smallint, payload text, product_key text, OUT name text, OUT category text)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
declare
  event json := payload::json;
  product json;
begin
  if format = 1 then
    product := coalesce(
      (select p from json_array_elements(
         case when json_typeof(event #> '{properties,products}') = 'array' then event #> '{properties,products}' else '[]' end) p
       where coalesce(p ->> 'product_id', p ->> 'sku', p ->> 'id') = product_key limit 1),
      event -> 'properties');
  else
    product := coalesce(event -> 'product', event #> '{data,product}');
  end if;
  name := left(product ->> 'name', 500);
  category := left(product ->> 'category', 200);
exception when others then
  name := null;
  category := null;
end $function$;

CREATE OR REPLACE FUNCTION etl.raw_events_gone(day integer)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select exists (select from raw.dropped where date '1970-01-01' + day - 1 < until)
$function$;

CREATE OR REPLACE FUNCTION etl.read_batch("position" pg_snapshot, seen pg_snapshot, since timestamp with time zone, max_events integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  has_folded boolean := exists (select from engine.folded);
begin
  insert into batch
  select r.occurred_at, r.received_at, r.xid, m.minute, etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute),
    r.service_id, t.id, t.action, u.id, p.id, c.id, r.amount, r.items,
    r.event_type, r.user_key, r.product_key, m.currency_code, r.format,
    -- keep the payload only of events that may name a product
    case when (r.items is not null or p.named is not true) and position('"name"' in r.payload) > 0 then r.payload end
  from log.unread("position", seen, since, max_events) r
  cross join lateral (
    select etl.minute_of(r.occurred_at) as minute,
      -- XXX is "no currency" in ISO 4217
      case when r.amount is not null then coalesce(r.currency, 'XXX') end as currency_code
    offset 0) m
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.users u on u.key = r.user_key
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on c.code = m.currency_code
  -- a scalar subquery, not an anti-join: it costs nothing while Spark has folded nothing
  where not has_folded or (
    select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null;
  return max_events <= (select count(*) from batch where xid >= pg_snapshot_xmax("position"));
end $function$;

CREATE OR REPLACE FUNCTION etl.received_since(occurred_from timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select least(occurred_from - interval '25 hours', (
    select min(received_day)::timestamp at time zone 'UTC' from etl.misdated
    where occurred_day >= (occurred_from at time zone 'UTC')::date))
$function$;

CREATE OR REPLACE FUNCTION etl.replace_users(hour integer, noted integer[], sign integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  day int := floor(hour / 24::float8)::int;
begin
  insert into wrong_totals (size, bucket, events, users, sessions, converted_sessions)
  select size, bucket, 0, sign * sum(users), sign * sum(sessions), sign * sum(converted) from (
    select 1 as size, m as bucket, count(*) as users, 0 as sessions, 0 as converted
    from analytics.user_hours u cross join generate_series(60 * hour, 60 * hour + 59) m
    where u.hour = hour and u.user_id = any (noted) and (minutes >> (m - 60 * hour)) & 1 = 1 group by m
    union all select 2, hour, count(*), 0, 0 from analytics.user_hours u where u.hour = hour and u.user_id = any (noted)
    union all select 3, day, count(*), 0, 0 from analytics.user_months m
    where m.month = etl.month_of_day(day) and m.user_id = any (noted) and days & etl.bit_of_day(day) <> 0
    union all select size, bucket, 0, count(*), count(*) filter (where purchases > 0) from analytics.sessions
    cross join lateral (values (1, etl.minute_of(started_at)), (2, hour), (3, day)) v (size, bucket)
    where user_id = any (noted) and started_at >= etl.start_of_hour(hour) and started_at < etl.start_of_hour(hour + 1)
    group by 1, 2
  ) c group by 1, 2;
end $function$;

CREATE OR REPLACE PROCEDURE etl.rerun_hour(IN worker_epoch bigint, IN hour integer, INOUT rows bigint, INOUT changed boolean)
 LANGUAGE plpgsql
AS $procedure$
declare
  attempts int := 0;
begin
  while attempts < 5 loop
    commit;
    set transaction isolation level repeatable read;
    select s.rows, s.changed into rows, changed from etl.stage_rerun(hour) s;
    commit;
    case etl.apply_rerun(worker_epoch, hour)
      when 'applied' then return;
      when 'extended' then attempts := attempts + 1;
      else null;
    end case;
  end loop;
  raise exception 'events kept arriving for sessions of hour % while it was replaced', hour;
end $procedure$;

CREATE OR REPLACE FUNCTION etl.retire_users(keys text[], seen pg_snapshot[], since timestamp with time zone[])
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_variable
declare
  counted pg_snapshot;
  retired int[];
  from_position pg_snapshot;
  from_received timestamptz;
  has_folded boolean;
begin
  perform etl.open_batch();
  select r.position into counted from log.readers r where r.name = 'windows' for no key update;
  has_folded := exists (select from engine.folded);
  -- on its way from Spark; it is left out of its batch, because the raw log has it no more
  update engine.staged s set user_key = null where s.user_key = any (keys);
  select array_agg((select u.id from analytics.users u where u.key = k.key) order by k.place) into retired
  from unnest(keys) with ordinality k (key, place);
  insert into etl.retired_users (user_id) select id from unnest(retired) id where id is not null;
  delete from analytics.users u where u.id = any (retired);

  -- of everything that any of the snapshots may not show
  select format('%s:%s:', low, low)::pg_snapshot, oldest into from_position, from_received
  from (
    select min(pg_snapshot_xmin(s.seen)::text::numeric) as low, min(log.since(s.seen, s.since)) as oldest
    from unnest(seen, since) s (seen, since)
  ) b;
  insert into batch
  select r.occurred_at, r.received_at, r.xid, m.minute, etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute),
    r.service_id, t.id, t.action, null, p.id, c.id, r.amount, r.items,
    r.event_type, r.user_key, r.product_key, m.currency_code, r.format, null
  from log.unread(from_position, case when has_folded then pg_current_snapshot() else counted end, from_received, null) r
  cross join lateral (
    select etl.minute_of(r.occurred_at) as minute,
      case when r.amount is not null then coalesce(r.currency, 'XXX') end as currency_code
    offset 0) m
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on c.code = m.currency_code
  where r.user_key = any (keys) and not pg_visible_in_snapshot(r.xid, seen[array_position(keys, r.user_key)])
    and (not has_folded or pg_visible_in_snapshot(r.xid, counted) or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id));
  if found then
    perform etl.fold_names();
    perform etl.fold_facts();
    perform etl.fold_counts();
    perform etl.fold_users();
    perform etl.fold_sessions();
    -- not the products: their sums have no user, and contain these events once
    perform etl.fold_key_facts();
  end if;
  return retired;
end $function$;

CREATE OR REPLACE FUNCTION etl.retract_day(users integer[], day integer, most integer, OUT more boolean, OUT deleted integer[], OUT hours integer[], OUT kept boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
declare
  first_hour int := 24 * day;
  starts timestamptz := etl.start_of_hour(24 * day);
  ends timestamptz := etl.start_of_hour(24 * day + 24);
  partition text := etl.facts_partition(day);
  rows tid[];
begin
  perform etl.open_retraction();
  -- a day's facts have no index by user: found before anything is locked
  execute format('select array(select ctid from %s where user_id = any ($1) and occurred_at >= $2 and occurred_at < $3 limit $4)',
    partition) using users, starts, ends, most into rows;
  more := cardinality(rows) = most;
  kept := etl.raw_events_gone(day);

  perform from log.readers where name = 'windows' for no key update;
  execute format('with gone as (
      delete from %s where ctid = any ($1) and user_id = any ($2) and occurred_at >= $3 and occurred_at < $4
      returning *
    )
    insert into retracted_facts
    select minute, etl.hour_of_minute(minute), event_type, service_id, action, currency, amount, user_id
    from gone cross join lateral (select etl.minute_of(occurred_at) as minute offset 0) m', partition)
  using rows, users, starts, ends;
  perform etl.retract_facts(day);
  deleted := array(
    select count(f.user_id)::int from unnest(users) with ordinality u (id, place)
    left join retracted_facts f on f.user_id = u.id group by u.place order by u.place);
  hours := array_fill(0, array[cardinality(users)]);
  if not more then
    select array_agg(f.facts + r.deleted order by r.place), array_agg(r.hours order by r.place) into deleted, hours
    from etl.retract_users(users, day) r join unnest(deleted) with ordinality f (facts, place) on f.place = r.place;
  end if;
  if kept then delete from retracted_totals where events = 0; end if;

  merge into analytics.window_totals w using (
    select t.size, t.bucket, sum(t.events) as events, sum(t.users) as users, sum(t.sessions) as sessions,
      sum(t.converted) as converted
    from retracted_totals t group by 1, 2 order by 1, 2
  ) a on w.size = a.size and w.bucket = a.bucket
  when matched and w.events = a.events then delete
  when matched then update set events = w.events - a.events, users = w.users - a.users,
    sessions = w.sessions - a.sessions, converted_sessions = w.converted_sessions - a.converted, updated_at = now();

  insert into etl.retractions as r (hour, xid)
  select hour, pg_current_xact_id() from generate_series(first_hour, first_hour + 23) hour
  on conflict (hour) do update set xid = excluded.xid;
end $function$;

CREATE OR REPLACE FUNCTION etl.retract_facts(day integer)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_variable
begin
  merge into analytics.window_counts w using (
    select size, bucket, event_type, service_id, count(*) as events
    from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.event_type = a.event_type and w.service_id = a.service_id
  when matched and w.events = a.events then delete
  when matched then update set events = w.events - a.events;

  merge into analytics.window_revenue w using (
    select size, bucket, service_id, currency,
      coalesce(sum(amount) filter (where action = 3), 0) as revenue, count(*) filter (where action = 3) as orders,
      coalesce(sum(abs(amount)) filter (where action = 4), 0) as refunds, count(*) filter (where action = 4) as refund_count
    from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    where action in (3, 4) and amount is not null
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.service_id = a.service_id and w.currency = a.currency
  when matched and w.orders = a.orders and w.refund_count = a.refund_count then delete
  when matched then update set revenue = w.revenue - a.revenue, orders = w.orders - a.orders,
    refunds = w.refunds - a.refunds, refund_count = w.refund_count - a.refund_count;

  insert into retracted_totals
  select size, bucket, count(*), 0, 0, 0
  from retracted_facts cross join lateral (values (1::smallint, minute), (2::smallint, hour), (3::smallint, day)) v (size, bucket)
  group by 1, 2;
end $function$;

CREATE OR REPLACE FUNCTION etl.retract_products()
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  insert into retracted_products (hour, day, product_id, action, currency, amount)
  select etl.hour_of_minute(m.minute), etl.day_of_minute(m.minute), p.id, t.action, c.id,
    case when e.items is null then e.amount else i.amount end
  from retracted_events e
  cross join lateral (select etl.minute_of(e.occurred_at) as minute offset 0) m
  join analytics.event_types t on t.name = e.event_type
  left join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(e.items) item where item ->> 'id' is not null group by 1) i on true
  join analytics.products p on p.key = case when e.items is null then e.product_key else i.key end
  left join analytics.currencies c on e.amount is not null and c.code = coalesce(e.currency, 'XXX')
  where t.action between 1 and 3;

  merge into analytics.product_windows w using (
    select size, bucket, product_id, count(*) filter (where action = 1) as views,
      count(*) filter (where action = 2) as carts, count(*) filter (where action = 3) as purchases
    from retracted_products cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    group by 1, 2, 3 order by 1, 2, 3
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id
  when matched and w.views = a.views and w.carts = a.carts and w.purchases = a.purchases then delete
  when matched then update set views = w.views - a.views, carts = w.carts - a.carts, purchases = w.purchases - a.purchases;

  merge into analytics.product_revenue w using (
    select size, bucket, product_id, currency, sum(amount) as revenue
    from retracted_products cross join lateral (values (2::smallint, hour), (3::smallint, day)) v (size, bucket)
    where action = 3 and amount is not null and currency is not null
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
  ) a on w.size = a.size and w.bucket = a.bucket and w.product_id = a.product_id and w.currency = a.currency
  -- no row and no revenue are the same
  when matched and w.revenue = a.revenue then delete
  when matched then update set revenue = w.revenue - a.revenue;
end $function$;

CREATE OR REPLACE FUNCTION etl.retract_users(users integer[], day integer)
 RETURNS TABLE(place bigint, deleted integer, hours integer)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
declare
  first_hour int := 24 * day;
  starts timestamptz := etl.start_of_hour(24 * day);
  ends timestamptz := etl.start_of_hour(24 * day + 24);
  day_bit int := etl.bit_of_day(day);
begin
  return query
  with presence as (
    delete from analytics.user_hours h
    where h.hour = any (array(select generate_series(first_hour, first_hour + 23))) and h.user_id = any (users)
    returning h.hour, h.user_id, h.minutes
  ), cleared as (
    update analytics.user_months m set days = m.days & ~day_bit, view_days = m.view_days & ~day_bit
    where m.month = etl.month_of_day(day) and m.user_id = any (users) and (m.days | m.view_days) & day_bit <> 0
    returning m.user_id, (old.days & day_bit <> 0)::int as present
  ), visits as (
    delete from analytics.sessions s
    where s.user_id = any (users) and s.started_at >= starts and s.started_at < ends
    returning s.user_id, s.started_at, (s.purchases > 0)::int as converted
  ), keyed as (
    delete from analytics.key_facts k
    where k.user_id = any (users) and k.occurred_at >= starts and k.occurred_at < ends
    returning k.user_id
  ), noted as (
    insert into retracted_totals (size, bucket, events, users, sessions, converted)
    select 1, minute, 0, count(*), 0, 0
    from presence p cross join generate_series(60 * p.hour, 60 * p.hour + 59) minute
    where (p.minutes >> (minute - 60 * p.hour)) & 1 = 1 group by minute
    union all select 2, p.hour, 0, count(*), 0, 0 from presence p group by p.hour
    union all select 3, day, 0, sum(present), 0, 0 from cleared having sum(present) > 0
    union all select size, bucket, 0, 0, count(*), sum(converted)
    from (select *, etl.minute_of(started_at) as minute from visits) v
    cross join lateral (values (1, minute), (2, etl.hour_of_minute(minute)), (3, day)) w (size, bucket)
    group by 1, 2
  )
  select u.place, count(*) filter (where r.what is not null)::int, count(*) filter (where r.what = 'hour')::int
  from unnest(users) with ordinality u (id, place)
  left join (
    select user_id, 'hour' as what from presence union all select user_id, 'session' from visits
    union all select user_id, 'key' from keyed
  ) r on r.user_id = u.id
  group by u.place;
  delete from analytics.user_months m
  where m.month = etl.month_of_day(day) and m.user_id = any (users) and m.days = 0 and m.view_days = 0;
end $function$;

CREATE OR REPLACE FUNCTION etl.stage_events("position" pg_snapshot, from_at timestamp with time zone, until_at timestamp with time zone, hour integer, only_users integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  received_since timestamptz := etl.received_since(from_at);
  has_folded boolean := exists (select from engine.folded);
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= etl.start_of_hour(hour) and r.occurred_at < etl.start_of_hour(hour + 1),
    u.id, p.id, t.id, r.service_id, t.action, c.id, r.amount, r.items
  from raw.events r
  left join analytics.event_types t on t.name = r.event_type
  left join analytics.users u on u.key = r.user_key
  left join analytics.products p on p.key = r.product_key
  left join analytics.currencies c on r.amount is not null and c.code = coalesce(r.currency, 'XXX')
  where r.occurred_at >= from_at and r.occurred_at < until_at
    and r.received_at >= received_since
    and (pg_visible_in_snapshot(r.xid, "position") or has_folded and (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id))
    and (only_users is null or r.user_key = any (
      select key from analytics.users where id = any (only_users)));
end $function$;

CREATE OR REPLACE FUNCTION etl.stage_events_since(staged log.readers, until pg_snapshot, hour integer, noted integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  starts timestamptz := etl.start_of_hour(hour);
  ends timestamptz := etl.start_of_hour(hour + 1);
  unread_since timestamptz := log.since(staged.position, staged.since);
  had_folded boolean := exists (select from rerun_folded);
  has_folded boolean := exists (select from engine.folded);
begin
  insert into rerun_events
  select r.occurred_at, r.occurred_at >= starts and r.occurred_at < ends, u.id, null, null, r.service_id, t.action, null, null, null
  from log.unread(staged.position, case when has_folded then pg_current_snapshot() else until end, unread_since, null) r
  join analytics.users u on u.key = r.user_key
  join analytics.event_types t on t.name = r.event_type
  where u.id = any (noted)
    and (not had_folded or (
      select true from rerun_folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null)
    and (not has_folded or pg_visible_in_snapshot(r.xid, until) or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id));
end $function$;

CREATE OR REPLACE FUNCTION etl.stage_hour("position" pg_snapshot, hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  until_at timestamptz := etl.start_of_hour(hour + 1) + interval '30 minutes';
  next_at timestamptz;
  unfinished int[];
begin
  perform etl.stage_events("position", etl.start_of_hour(hour) - interval '30 minutes', until_at, hour, null);
  insert into rerun_covered select distinct user_id, until_at from rerun_events where user_id is not null;
  loop
    select array_agg(s.user_id) into unfinished from etl.staged_sessions(hour, false) s
    join rerun_covered c on c.user_id = s.user_id where s.ended_at >= c.until - interval '30 minutes';
    exit when unfinished is null;
    -- no event is more than a day in the future
    next_at := case when until_at > now() + interval '25 hours' then 'infinity' else until_at + (until_at - etl.start_of_hour(hour)) end;
    perform etl.stage_events("position", until_at, next_at, hour, unfinished);
    update rerun_covered set until = next_at where user_id = any (unfinished);
    until_at := next_at;
  end loop;
  create temporary table rerun_products as
  select e.action, e.currency, coalesce(p.id, e.product_id) as product_id,
    case when e.items is null then e.amount else i.amount end as amount
  from rerun_events e
  left join lateral (
    select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
    from json_array_elements(e.items) item where item ->> 'id' is not null group by 1) i on true
  left join analytics.products p on p.key = i.key
  where e.inside and e.action between 1 and 3 and (i.key is not null or (e.items is null and e.product_id is not null));
  analyze rerun_events;
end $function$;

CREATE OR REPLACE FUNCTION etl.stage_last_views(hour integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform etl.open_batch();
  truncate batch_carts;
  insert into batch_carts (user_id, occurred_at, view_day)
  select c.user_id, etl.start_of_hour(hour) - interval '1 microsecond', d.view_day
  from (select distinct user_id from rerun_events where inside and action in (2, 3) and user_id is not null
        and user_id not in (select user_id from rerun_last_views)) c
  left join lateral etl.last_view_day(c.user_id, floor((hour - 1) / 24::float8)::int) d on true;
  perform etl.find_last_views();
  insert into rerun_last_views
  select c.user_id, c.last_view_at, cart.last_view_at
  from batch_carts c left join lateral etl.last_cart(c.user_id, c.occurred_at) cart on true;
end $function$;

CREATE OR REPLACE FUNCTION etl.stage_rerun(hour integer, OUT rows bigint, OUT changed boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET work_mem TO '64MB'
AS $function$
#variable_conflict use_variable
declare
  staged log.readers;
begin
  perform etl.demand_raw_events(hour);
  select * into staged from log.readers where name = 'windows';
  perform etl.open_rerun();
  insert into rerun_folded select xid, event_id, service_id from engine.folded;
  perform etl.stage_hour(staged."position", hour);
  perform etl.stage_last_views(hour);
  rows := etl.compare_hour(hour);
  changed := exists (select from wrong_facts) or exists (select from wrong_counts) or exists (select from wrong_totals)
    or exists (select from wrong_revenue) or exists (select from wrong_product_windows)
    or exists (select from wrong_product_revenue) or exists (select from rerun_users);
  insert into rerun_staged (hour, reader, seen, revision, rows, changed)
  values (hour, staged, pg_current_snapshot(), etl.day_revision(hour), rows, changed);
end $function$;

CREATE OR REPLACE FUNCTION etl.staged_key_facts(hour integer, only_users boolean)
 RETURNS TABLE(user_id integer, occurred_at timestamp with time zone, action smallint, last_view_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return query
  select distinct k.user_id, k.occurred_at, k.action,
    case when k.action = 2 then greatest(k.view_at, v.last_view_at)
      -- the view of the last cart is the latest view of all carts
      else greatest(v.cart_view_at, max(greatest(k.view_at, v.last_view_at)) filter (where k.action = 2)
        over (partition by k.user_id order by k.occurred_at, k.action)) end
  from (
    select e.user_id, e.occurred_at, e.action, e.inside, max(e.occurred_at) filter (where e.action = 1)
      over (partition by e.user_id order by e.occurred_at, e.action = 1 desc) as view_at
    from rerun_events e where e.user_id is not null
      and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  ) k left join rerun_last_views v on v.user_id = k.user_id
  where k.inside and k.action in (2, 3);
end $function$;

CREATE OR REPLACE FUNCTION etl.staged_sessions(hour integer, only_users boolean)
 RETURNS TABLE(user_id integer, started_at timestamp with time zone, ended_at timestamp with time zone, events integer, purchases integer)
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return query
  select r.user_id, min(r.occurred_at), max(r.occurred_at), count(*)::int, count(*) filter (where action = 3)::int
  from (
    select o.*, sum(opens) over (partition by o.user_id order by o.occurred_at) as run from (
      select e.user_id, e.occurred_at, e.action,
        case when e.occurred_at - lag(e.occurred_at) over (partition by e.user_id order by e.occurred_at)
          <= interval '30 minutes' then 0 else 1 end as opens
      from rerun_events e where e.user_id is not null
        and (not only_users or e.user_id in (select x.user_id from rerun_users x))
    ) o
  ) r group by r.user_id, run
  having min(r.occurred_at) >= etl.start_of_hour(hour) and min(r.occurred_at) < etl.start_of_hour(hour + 1);
end $function$;

CREATE OR REPLACE FUNCTION etl.staged_user_hours(hour integer, only_users boolean)
 RETURNS TABLE(user_id integer, minutes bigint)
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return query
  select e.user_id, bit_or(1::bigint << (etl.minute_of(e.occurred_at) - 60 * hour))
    | case when bool_or(e.action = 1) then 1::bigint << 60 else 0 end
  from rerun_events e where e.inside and e.user_id is not null
    and (not only_users or e.user_id in (select x.user_id from rerun_users x))
  group by 1;
end $function$;

CREATE OR REPLACE FUNCTION etl.start_of_hour(hour integer)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select timestamptz '1970-01-01 00:00:00+00' + hour * interval '1 hour' $function$;

CREATE OR REPLACE FUNCTION etl.step(worker_epoch bigint, max_events integer, longest_write interval DEFAULT '00:00:10'::interval, OUT events integer, OUT more boolean, OUT stage_us integer[])
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  reader log.readers;
  open_since timestamptz;
  unread_since timestamptz;
  seen pg_snapshot;
  asked_at timestamptz;
  last_xid xid8;
  last_received timestamptz;
  is_misdated boolean;
  has_folded boolean;
  page record;
  since timestamptz := clock_timestamp();
begin
  perform etl.open_batch();
  -- as in log.next_page
  perform log.incarnation();
  select * into reader from log.readers where name = 'windows' for no key update;
  if reader.epoch is distinct from worker_epoch then
    raise exception 'fenced: epoch % has been taken over by epoch %', worker_epoch, reader.epoch using errcode = 'WF001';
  end if;

  if (select s.engine from engine.state s) <> 'builtin' then
    -- Spark moves the position with its batches; without new events it makes none
    if log.is_due(reader.read_at) then perform engine.advance(reader, 0); end if;
    events := 0;
    more := false;
    stage_us := array[(extract(epoch from clock_timestamp() - since) * 1e6)::int];
    return;
  end if;

  asked_at := clock_timestamp();
  -- as in log.next_page
  select pg_current_snapshot(), o.since into seen, open_since from log.open_days o;
  unread_since := log.since(reader.position, reader.since);
  has_folded := exists (select from engine.folded);
  if has_folded then
    -- the batch leaves out what Spark has folded, so it does not say where the page ends
    select * into page from log.next_page('windows', max_events);
    seen := page.to_position;
    perform etl.read_batch(reader.position, seen, unread_since, null);
  else
    more := etl.read_batch(reader.position, seen, unread_since, max_events);
  end if;
  select count(*), max(xid), max(received_at), bool_or(occurred_at > received_at + interval '25 hours')
  into events, last_xid, last_received, is_misdated from batch;
  if is_misdated then perform etl.note_misdated(); end if;
  stage_us := array[(extract(epoch from clock_timestamp() - since) * 1e6)::int];

  if events > 0 then stage_us := etl.fold(stage_us); end if;

  if has_folded then
    more := page.more;
    open_since := page.next_since;
    asked_at := page.next_read_at;
  elsif more then
    seen := log.position_after(seen, last_xid);
    open_since := unread_since;
    asked_at := least(asked_at, last_received);
  end if;
  if events > 0 or has_folded or log.is_due(reader.read_at) then
    perform log.advance('windows', reader.position, seen, open_since, asked_at, events);
    if has_folded then perform engine.forget(seen); end if;
  end if;
end $function$;

CREATE OR REPLACE FUNCTION etl.was_retracted(hour integer, seen pg_snapshot)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
begin
  return exists (select from etl.retractions r where r.hour = hour and not pg_visible_in_snapshot(r.xid, seen))
    or exists (
      select from etl.retired_users u
      where not pg_visible_in_snapshot(u.xid, seen)
        and u.user_id = any (array(select user_id from rerun_users union select user_id from wrong_facts)));
end $function$;


-- log ---------------------------------------------------------------------------------------------
create schema log;

create unlogged table log.current_incarnation (
  only_row boolean not null default true,
  id text not null,
  cluster text not null,
  constraint current_incarnation_only_row_check CHECK (only_row),
  constraint current_incarnation_pkey PRIMARY KEY (only_row)
);

create table log.incarnations (
  number integer not null,
  id text not null,
  cluster text not null,
  survived pg_lsn not null,
  began_at timestamp with time zone not null default clock_timestamp(),
  constraint incarnations_id_key UNIQUE (id),
  constraint incarnations_pkey PRIMARY KEY (number)
);

create table log.open_days (
  only_row boolean not null default true,
  since timestamp with time zone not null,
  constraint open_days_only_row_check CHECK (only_row),
  constraint open_days_pkey PRIMARY KEY (only_row)
);

create table log.pages (
  id bigint not null generated always as identity,
  from_position pg_snapshot not null,
  to_position pg_snapshot not null,
  since timestamp with time zone not null,
  read_at timestamp with time zone not null,
  events integer not null,
  owner text not null,
  epoch integer not null default 1,
  heartbeat_at timestamp with time zone not null default clock_timestamp(),
  reader text not null,
  oldest timestamp with time zone,
  constraint pages_pkey PRIMARY KEY (id),
  constraint pages_reader_fkey FOREIGN KEY (reader) REFERENCES log.readers(name) ON DELETE CASCADE
);

create table log.readers (
  name text not null,
  epoch bigint not null default 0,
  "position" pg_snapshot not null,
  read_at timestamp with time zone not null,
  events bigint not null default 0,
  since timestamp with time zone not null default '-infinity'::timestamp with time zone,
  heartbeat_at timestamp with time zone not null default clock_timestamp(),
  registered_at timestamp with time zone not null default now(),
  constraint readers_pkey PRIMARY KEY (name)
);

create table log.reopenings (
  xid xid8 not null default pg_current_xact_id(),
  received_from timestamp with time zone not null,
  noted_at timestamp with time zone not null default now(),
  constraint reopenings_pkey PRIMARY KEY (xid, received_from)
);

CREATE OR REPLACE FUNCTION log.adopt_restored()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  home text := log.cluster();
  last log.incarnations;
  now_seen pg_snapshot;
begin
  perform pg_advisory_xact_lock(hashtext('log.incarnation'));
  select * into last from log.incarnations order by number desc limit 1;
  if last.cluster is null or split_part(last.cluster, '/', 1) = split_part(home, '/', 1) then return false; end if;

  lock table raw.events, log.readers, log.pages in share row exclusive mode;
  -- no rerun is in progress: nothing to fence
  delete from etl.retractions;
  delete from etl.retired_users;
  delete from engine.staged;
  now_seen := pg_current_snapshot();
  -- in a cluster that has gone further than the dump, ids and positions still agree
  if (select max(xid) from raw.events) >= pg_snapshot_xmin(now_seen)
    or exists (select from log.readers where pg_snapshot_xmax(position) > pg_snapshot_xmin(now_seen))
    or exists (select from erasure.requests where state <> 'done' and pg_snapshot_xmax(seen) > pg_snapshot_xmin(now_seen))
  then
    perform log.renumber_restored(now_seen);
  end if;
  perform log.begin_incarnation(last, home);
  return true;
end $function$;

CREATE OR REPLACE FUNCTION log.advance(reader text, from_position pg_snapshot, to_position pg_snapshot, next_since timestamp with time zone, next_read_at timestamp with time zone, read_events integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  update log.readers r
  set position = to_position, since = next_since, read_at = next_read_at, events = r.events + read_events,
    heartbeat_at = clock_timestamp()
  where r.name = reader and r.position::text = from_position::text;
  return found;
end $function$;

CREATE OR REPLACE FUNCTION log.begin_incarnation(last log.incarnations, home text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
declare
  new_id text := left(replace(gen_random_uuid()::text, '-', ''), 16);
begin
  -- an incarnation whose id was handed out is never forgotten
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  insert into log.incarnations (number, id, cluster, survived)
  values (coalesce(last.number, 0) + 1, new_id, home,
    -- where the last recovery of this server ended; null after a clean start
    case when last.cluster = home then coalesce(pg_last_wal_replay_lsn(), '0/0') else '0/0' end);
  delete from log.current_incarnation;
  insert into log.current_incarnation (id, cluster) values (new_id, home);
  return new_id;
end $function$;

CREATE OR REPLACE FUNCTION log.claim(for_reader text, worker text, max_events integer, patience interval)
 RETURNS SETOF log.pages
 LANGUAGE plpgsql
AS $function$
declare
  page record;
begin
  return query update log.pages p
    set owner = worker, epoch = p.epoch + 1, heartbeat_at = clock_timestamp()
    where p.id = (
      -- a heartbeat in the future was sent before the clock stepped back
      select a.id from log.pages a
      where a.reader = for_reader
        and a.heartbeat_at not between clock_timestamp() - patience and clock_timestamp() + patience
      order by a.id for update skip locked limit 1)
    returning p.*;
  if found then return; end if;

  perform from log.readers r where r.name = for_reader for no key update;
  select * into page from log.next_page(for_reader, max_events);
  if page.events > 0 then
    -- After a crash, ids of lost pages are given out again. The first epoch is random, so that a worker that still
    -- holds a lost page does not finish the page that has its id now.
    return query insert into log.pages
        (from_position, to_position, since, read_at, events, owner, epoch, reader, oldest)
      values (page.from_position, page.to_position, page.since, page.read_at, page.events, worker,
        1 + floor(random() * 1e9)::int, for_reader, page.oldest)
      returning *;
  end if;
  if page.events > 0 or log.is_due(page.read_at) then
    perform log.advance(for_reader, page.from_position, page.to_position, page.next_since, page.next_read_at, page.events);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION log.close_day(day regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger closed before insert on %s for each row execute function log.note_reopening()', day);
end $function$;

CREATE OR REPLACE FUNCTION log.close_days(before date)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  partition record;
begin
  perform set_config('lock_timeout', '500ms', true);
  -- new partitions must not slip in between
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  for partition in
    select c.oid::regclass as name, to_date(right(c.relname, 8), 'YYYYMMDD') < before as over,
      to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC' as starts,
      exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'closed') as closed
    from pg_inherits h join pg_class c on c.oid = h.inhrelid
    where h.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
  loop
    if partition.over and not partition.closed then
      perform log.close_day(partition.name);
    elsif partition.closed and not partition.over then
      execute format('drop trigger closed on %s', partition.name);
      -- for readers that know it as closed
      insert into log.reopenings (received_from, noted_at) values (partition.starts, clock.trusted())
      on conflict do nothing;
    end if;
  end loop;
  update log.open_days set since = before::timestamp at time zone 'UTC'
  where since <> before::timestamp at time zone 'UTC';
  -- a day: longer than any live feed can be replayed
  delete from log.reopenings o
  where noted_at < clock.trusted() - interval '1 day'
    and not exists (select from log.readers r where not pg_visible_in_snapshot(o.xid, r.position))
    and not exists (select from log.pages p where not pg_visible_in_snapshot(o.xid, p.from_position));
end $function$;

CREATE OR REPLACE FUNCTION log.cluster()
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select (select system_identifier from pg_control_system()) || '/'
    || (select oid from pg_database where datname = current_database())
$function$;

CREATE OR REPLACE FUNCTION log.incarnation()
 RETURNS text
 LANGUAGE plpgsql
AS $function$
declare
  home text := log.cluster();
  current_id text;
  last log.incarnations;
begin
  select i.id into current_id from log.current_incarnation i where i.cluster = home;
  if found then return current_id; end if;

  perform pg_advisory_xact_lock(hashtext('log.incarnation'));
  select i.id into current_id from log.current_incarnation i where i.cluster = home;
  if found then return current_id; end if;
  select * into last from log.incarnations order by number desc limit 1;
  if split_part(last.cluster, '/', 1) <> split_part(home, '/', 1) then
    raise exception 'this database was restored from a dump of another PostgreSQL cluster' using errcode = 'WF004',
      hint = 'Run "weir migrate": it adapts the positions of the log readers to this cluster.';
  end if;
  return log.begin_incarnation(last, home);
end $function$;

CREATE OR REPLACE FUNCTION log.is_due(read_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select clock_timestamp() not between read_at and read_at + interval '5 seconds'
$function$;

CREATE OR REPLACE FUNCTION log.lag(for_reader text, at_most integer, OUT events bigint, OUT more boolean, OUT oldest timestamp with time zone, OUT age_seconds double precision)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  reader log.readers;
  seen pg_snapshot := pg_current_snapshot();
  since timestamptz;
  claimed bigint;
  claimed_oldest timestamptz;
  has_folded boolean := for_reader = 'windows' and exists (select from engine.folded);
begin
  select * into reader from log.readers where name = for_reader;
  if reader.name is null then return; end if;
  since := log.since(reader.position, reader.since);
  select count(*), min(u.received_at) into events, oldest
  from (
    select r.received_at from log.unread(reader.position, seen, since, case when not has_folded then at_most + 1 end) r
    where not has_folded or (
      select true from engine.folded f where f.xid = r.xid and f.event_id = r.event_id and f.service_id = r.service_id) is null
    limit at_most + 1) u;
  -- a page that the previous version claimed does not say when its oldest event was received
  select coalesce(sum(p.events), 0), min(coalesce(p.oldest, p.heartbeat_at)) into claimed, claimed_oldest
  from log.pages p where p.reader = for_reader;
  more := events + claimed > at_most;
  events := least(events + claimed, at_most);
  oldest := least(oldest, claimed_oldest);
  age_seconds := greatest(0, coalesce(extract(epoch from clock_timestamp() - oldest), 0));
end $function$;

CREATE OR REPLACE FUNCTION log.needed_since()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select min(n.since) from (
    select log.since(position, since) as since from log.readers
    union all select since from log.pages
  ) n
$function$;

CREATE OR REPLACE FUNCTION log.next_page(reader text, max_events integer, OUT from_position pg_snapshot, OUT to_position pg_snapshot, OUT since timestamp with time zone, OUT next_since timestamp with time zone, OUT read_at timestamp with time zone, OUT next_read_at timestamp with time zone, OUT events integer, OUT oldest timestamp with time zone, OUT more boolean)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
declare
  kept log.readers;
begin
  -- before the position is read: see log.page_after
  perform log.incarnation();
  select * into kept from log.readers r where r.name = reader;
  if kept.name is null then
    raise exception 'no reader of the raw log is named %', reader using errcode = 'WF002';
  end if;
  select p.* into from_position, to_position, since, next_since, read_at, next_read_at, events, oldest, more
  from log.page_after(kept.position, kept.since, kept.read_at, max_events) p;
end $function$;

CREATE OR REPLACE FUNCTION log.note_reopening()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into log.reopenings (received_from, noted_at)
  values (date_trunc('day', new.received_at, 'UTC'), clock.trusted()) on conflict do nothing;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION log.page_after(after pg_snapshot, kept_since timestamp with time zone, kept_read_at timestamp with time zone, max_events integer, OUT from_position pg_snapshot, OUT to_position pg_snapshot, OUT since timestamp with time zone, OUT next_since timestamp with time zone, OUT read_at timestamp with time zone, OUT next_read_at timestamp with time zone, OUT events integer, OUT oldest timestamp with time zone, OUT more boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_variable
declare
  page record;
begin
  -- fails in a database that was restored from a dump, where positions mean nothing yet
  perform log.incarnation();
  next_read_at := clock_timestamp();
  -- of one snapshot: a day that it shows as closed has no writer that it does not show, unless one that notes it
  select pg_current_snapshot(), o.since into to_position, next_since from log.open_days o;
  from_position := after;
  read_at := kept_read_at;
  since := log.since(after, kept_since);
  select count(*)::int as events, max(u.xid) as last_xid, max(u.received_at) as newest, min(u.received_at) as oldest,
    count(*) filter (where u.xid >= pg_snapshot_xmax(from_position)) >= max_events as more
  into page from log.unread(from_position, to_position, since, max_events) u;
  events := page.events;
  oldest := page.oldest;
  more := page.more;
  if more then
    to_position := log.position_after(to_position, page.last_xid);
    next_since := since;
    next_read_at := least(next_read_at, page.newest);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION log.position_after(seen pg_snapshot, last_xid xid8)
 RETURNS pg_snapshot
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select (coalesce(min(x)::text, cut::text) || ':' || cut || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  from (select last_xid::text::numeric + 1 as cut) c left join pg_snapshot_xip(seen) x on x::text::numeric < cut
  group by cut
$function$;

CREATE OR REPLACE FUNCTION log.renumber_restored(now_seen pg_snapshot)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  create temporary table restored_unread on commit drop as
  select w.xid, w.readers, (10 + dense_rank() over (order by w.readers))::text::xid8 as new_xid
  from (
    select u.xid, array_agg(u.name order by u.name) as readers
    from (
      select distinct r.name, e.xid
      from (
        select name, position from log.readers
        union all
        -- the set of an erasure ends at a position too
        select id::text, seen from erasure.requests where state <> 'done' and seen is not null
      ) r
      join raw.events e on (not pg_visible_in_snapshot(e.xid, r.position)
        or exists (select from log.pages p where p.reader = r.name
          and not pg_visible_in_snapshot(e.xid, p.from_position) and pg_visible_in_snapshot(e.xid, p.to_position)))
        and not (r.name = 'windows' and exists (
          select from engine.folded f where f.xid = e.xid and f.event_id = e.event_id and f.service_id = e.service_id))
    ) u group by u.xid
  ) w;
  -- ids below 100 were given by an earlier restore
  update raw.events e set xid = '3'
  where e.xid <> '3' and (e.xid >= pg_snapshot_xmin(now_seen) or e.xid < '100')
    and not exists (select from restored_unread u where u.xid = e.xid);
  update raw.events e set xid = u.new_xid from restored_unread u where e.xid = u.xid;

  update log.readers r set since = '-infinity', position = log.restored_position(r.name, now_seen);
  update erasure.requests q set seen_since = '-infinity', seen = log.restored_position(q.id::text, now_seen), last_page = 0
  where q.state <> 'done' and q.seen is not null;
  -- events that Spark has folded of a transaction of which it has not folded all
  with kept as (delete from engine.folded returning *)
  insert into engine.folded (xid, event_id, service_id)
  select u.new_xid, k.event_id, k.service_id from kept k join restored_unread u on u.xid = k.xid and 'windows' = any (u.readers)
  on conflict do nothing;
  -- messages in Kafka name the old transactions
  perform engine.use('builtin', 'restored dump');
  delete from log.pages;
  delete from log.reopenings;
  -- every transaction from here on belongs to a later day than those that were recorded
  update clock.days set xid = pg_snapshot_xmin(now_seen);
end $function$;

CREATE OR REPLACE FUNCTION log.restored_position(reader text, now_seen pg_snapshot)
 RETURNS pg_snapshot
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
begin
  return (
    select (coalesce(min(n.x)::text, pg_snapshot_xmax(now_seen)::text) || ':' || pg_snapshot_xmax(now_seen) || ':'
      || coalesce(string_agg(n.x::text, ',' order by n.x), ''))::pg_snapshot
    from (
      select u.new_xid::text::numeric as x from restored_unread u where reader = any (u.readers)
      union select running::text::numeric from pg_snapshot_xip(now_seen) running
    ) n);
end $function$;

CREATE OR REPLACE FUNCTION log.since("position" pg_snapshot, kept timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select least(kept, (select min(received_from) from log.reopenings where not pg_visible_in_snapshot(xid, "position")))
$function$;

CREATE OR REPLACE FUNCTION log.survived(incarnation text, settled pg_lsn)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select coalesce((
    select settled <= pg_current_wal_insert_lsn() and not exists (
      select from log.incarnations later where later.number > i.number and later.survived < settled)
    from log.incarnations i where i.id = incarnation), false)
$function$;

CREATE OR REPLACE FUNCTION log.unread("position" pg_snapshot, seen pg_snapshot, since timestamp with time zone, max_events integer)
 RETURNS SETOF raw.events
 LANGUAGE sql
 STABLE
AS $function$
  (select * from raw.events
   where xid = any (array(select pg_snapshot_xip("position"))) and received_at >= since
     and pg_visible_in_snapshot(xid, seen))
  union all
  (select * from raw.events
   where xid >= pg_snapshot_xmax("position") and xid < pg_snapshot_xmax(seen) and received_at >= since
     and pg_visible_in_snapshot(xid, seen)
   order by xid fetch first max_events rows with ties)
$function$;


-- raw ---------------------------------------------------------------------------------------------
create schema raw;

create table raw.dropped (
  only_row boolean not null default true,
  until date not null,
  constraint dropped_only_row_check CHECK (only_row),
  constraint dropped_pkey PRIMARY KEY (only_row)
);

create table raw.events (
  service_id integer not null,
  format smallint not null,
  event_id uuid not null,
  received_at timestamp with time zone not null default now(),
  occurred_at timestamp with time zone not null,
  xid xid8 not null default pg_current_xact_id(),
  user_key text,
  product_key text,
  amount numeric,
  currency text,
  event_type text not null,
  event_ref text,
  items json,
  payload text not null
) partition by RANGE (received_at);
CREATE INDEX events_items ON ONLY raw.events USING btree (occurred_at) WHERE (items IS NOT NULL);
CREATE INDEX events_occurred ON ONLY raw.events USING btree (occurred_at);
CREATE INDEX events_xid ON ONLY raw.events USING btree (xid);

create table raw.identities (
  event_id uuid not null,
  service_id integer not null,
  content_hash bigint not null,
  constraint identities_pkey PRIMARY KEY (event_id, service_id)
) with (autovacuum_vacuum_insert_threshold=-1);
alter table raw.identities alter column content_hash set statistics 10;
alter table raw.identities alter column event_id set statistics 10;
alter table raw.identities alter column service_id set statistics 10;

create table raw.identities_before (
  event_id uuid not null,
  service_id integer not null,
  content_hash bigint not null,
  constraint identities_before_pkey PRIMARY KEY (event_id, service_id)
) with (autovacuum_vacuum_insert_threshold=-1);
alter table raw.identities_before alter column content_hash set statistics 10;
alter table raw.identities_before alter column event_id set statistics 10;
alter table raw.identities_before alter column service_id set statistics 10;

create table raw.identity_generation (
  only_row boolean not null default true,
  started_at timestamp with time zone not null,
  constraint identity_generation_only_row_check CHECK (only_row),
  constraint identity_generation_pkey PRIMARY KEY (only_row)
);

CREATE OR REPLACE FUNCTION raw.any_blocked(user_keys text[])
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select exists (
    select from unnest(user_keys) key join erasure.blocks b on b.user_hash = sha256(convert_to(key, 'UTF8')))
$function$;

CREATE OR REPLACE FUNCTION raw.any_remembered(event_ids uuid[], service_ids integer[])
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
  select exists (
    select from unnest(event_ids, service_ids) as s (event_id, service_id)
    cross join lateral (
      select from raw.identities_before as b
      where b.event_id = s.event_id and b.service_id = s.service_id
      offset 0
    ) as found);
$function$;

CREATE OR REPLACE FUNCTION raw.append(service_ids integer[], formats smallint[], event_ids uuid[], content_hashes bigint[], occurred timestamp with time zone[], user_keys text[], product_keys text[], amounts numeric[], currencies text[], event_types text[], event_refs text[], item_lists json[], payloads text[])
 RETURNS smallint[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
declare
  sent int := cardinality(event_ids);
  inserted int;
  seen int;
  verdicts smallint[];
begin
  if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then
    return raw.append_unblocked(service_ids, formats, event_ids, content_hashes, occurred, user_keys, product_keys,
      amounts, currencies, event_types, event_refs, item_lists, payloads);
  end if;

  insert into raw.identities (event_id, service_id, content_hash)
  select unnest(event_ids), unnest(service_ids), unnest(content_hashes)
  on conflict do nothing;
  get diagnostics inserted = row_count;

  if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then
    raise exception 'a user was blocked while the group was being written: write it again' using errcode = '40001';
  end if;

  if inserted = sent
    and not (exists (select from raw.identities_before) and raw.any_remembered(event_ids, service_ids))
  then
    insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
      amount, currency, event_type, event_ref, items, payload)
    select unnest(service_ids), unnest(formats), unnest(event_ids), unnest(occurred),
      unnest(user_keys), unnest(product_keys), unnest(amounts), unnest(currencies),
      unnest(event_types), unnest(event_refs), unnest(item_lists), unnest(payloads);
    return null;
  end if;

  -- The content hash of the previous generation counts while the current generation lasts.
  with judged as (
    select s.place, s.event_id, s.service_id, i.content_hash as kept_hash, b.content_hash as hash_before,
      i.is_new,
      case
        when b.content_hash is not null then case when b.content_hash = s.content_hash then 1 else 2 end
        when i.is_new and s.nth = 1 then 0
        when i.content_hash = s.content_hash then 1
        else 2
      end as verdict,
      s.nth
    from (
      select *, row_number() over (partition by event_id, service_id order by place) as nth
      from unnest(event_ids, service_ids, content_hashes)
        with ordinality as t (event_id, service_id, content_hash, place)
    ) as s
    cross join lateral (
      select i.content_hash, i.xmin = pg_current_xact_id()::xid as is_new
      from raw.identities as i
      where i.event_id = s.event_id and i.service_id = s.service_id
      offset 0
    ) as i
    left join lateral (
      select b.content_hash
      from raw.identities_before as b
      where b.event_id = s.event_id and b.service_id = s.service_id
      offset 0
    ) as b on true
  ), restored as (
    update raw.identities as i
    set content_hash = j.hash_before
    from judged as j
    where j.nth = 1 and i.event_id = j.event_id and i.service_id = j.service_id
      and j.hash_before <> j.kept_hash
  )
  select array_agg(j.verdict::smallint order by j.place), count(*) filter (where j.is_new and j.nth = 1)
  into verdicts, seen
  from judged as j;

  if seen <> inserted or cardinality(verdicts) <> sent then
    raise exception 'raw.append needs its own transaction: % identities inserted, % seen of %',
      inserted, seen, sent;
  end if;

  insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
    amount, currency, event_type, event_ref, items, payload)
  select t.service_id, t.format, t.event_id, t.occurred_at, t.user_key, t.product_key,
    t.amount, t.currency, t.event_type, t.event_ref, t.items, t.payload
  from unnest(verdicts, service_ids, formats, event_ids, occurred, user_keys, product_keys, amounts,
    currencies, event_types, event_refs, item_lists, payloads)
    as t (verdict, service_id, format, event_id, occurred_at, user_key, product_key, amount,
      currency, event_type, event_ref, items, payload)
  where t.verdict = 0;
  return verdicts;
end $function$;

CREATE OR REPLACE FUNCTION raw.append_new(service_ids integer[], formats smallint[], event_ids uuid[], content_hashes bigint[], occurred timestamp with time zone[], user_keys text[], product_keys text[], amounts numeric[], currencies text[], event_types text[], event_refs text[], item_lists json[], payloads text[])
 RETURNS smallint[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
begin
  begin
    insert into raw.identities (event_id, service_id, content_hash)
    select unnest(event_ids), unnest(service_ids), unnest(content_hashes);
    if exists (select from raw.identities_before) and raw.any_remembered(event_ids, service_ids) then
      raise unique_violation;
    end if;
    -- after the identities: see raw.append
    if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then raise unique_violation; end if;
  exception when unique_violation then
    -- the rows of this block are gone: raw.append recognises its own by the transaction's id
    return raw.append(service_ids, formats, event_ids, content_hashes, occurred, user_keys, product_keys,
      amounts, currencies, event_types, event_refs, item_lists, payloads);
  end;

  insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
    amount, currency, event_type, event_ref, items, payload)
  select unnest(service_ids), unnest(formats), unnest(event_ids), unnest(occurred),
    unnest(user_keys), unnest(product_keys), unnest(amounts), unnest(currencies),
    unnest(event_types), unnest(event_refs), unnest(item_lists), unnest(payloads);
  return null;
end $function$;

CREATE OR REPLACE FUNCTION raw.append_unblocked(service_ids integer[], formats smallint[], event_ids uuid[], content_hashes bigint[], occurred timestamp with time zone[], user_keys text[], product_keys text[], amounts numeric[], currencies text[], event_types text[], event_refs text[], item_lists json[], payloads text[])
 RETURNS smallint[]
 LANGUAGE plpgsql
AS $function$
declare
  blocked boolean[] := array(
    select exists (select from erasure.blocks b where b.user_hash = sha256(convert_to(s.key, 'UTF8')))
    from unnest(user_keys) with ordinality s (key, place) order by s.place);
  appended smallint[];
begin
  if false = any (blocked) then
    select raw.append(array_agg(u.service_id order by place), array_agg(u.format order by place),
        array_agg(u.event_id order by place), array_agg(u.content_hash order by place),
        array_agg(u.occurred_at order by place), array_agg(u.user_key order by place),
        array_agg(u.product_key order by place), array_agg(u.amount order by place),
        array_agg(u.currency order by place), array_agg(u.event_type order by place),
        array_agg(u.event_ref order by place), array_agg(u.items order by place), array_agg(u.payload order by place))
    into appended
    from unnest(service_ids, formats, event_ids, content_hashes, occurred, user_keys, product_keys, amounts, currencies,
      event_types, event_refs, item_lists, payloads, blocked)
      with ordinality as u (service_id, format, event_id, content_hash, occurred_at, user_key, product_key, amount,
        currency, event_type, event_ref, items, payload, is_blocked, place)
    where not u.is_blocked;
  end if;
  return array(
    select case when v.is_blocked then 3 else coalesce(appended[v.nth], 0) end::smallint
    from (
      select is_blocked, place, count(*) filter (where not is_blocked) over (order by place) as nth
      from unnest(blocked) with ordinality b (is_blocked, place)
    ) v order by v.place);
end $function$;

CREATE OR REPLACE FUNCTION raw.drop_partitions(before timestamp with time zone)
 RETURNS text[]
 LANGUAGE plpgsql
AS $function$
declare
  later xid8 := clock.first_xid_since(before);
  is_needed boolean;
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in select raw.partitions_before(before) loop
    -- ids from xmax on are of another server, before a restore
    execute format('select exists (select from raw.%I where xid >= $1 and xid < pg_snapshot_xmax(pg_current_snapshot()))', name)
    into is_needed using later;
    continue when is_needed;
    execute format('drop table raw.%I', name);
    dropped := dropped || name;
    insert into raw.dropped (until) values (to_date(right(name, 8), 'YYYYMMDD') + 1)
    on conflict (only_row) do update set until = greatest(raw.dropped.until, excluded.until);
  end loop;
  return dropped;
end $function$;

CREATE OR REPLACE FUNCTION raw.ensure_partition(day date)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('raw.' || name) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('raw.ensure_partition'));
  if exists (select from pg_class where relnamespace = 'raw'::regnamespace and relname = name) then return; end if;
  -- `create table ... partition of` would block all writers of the log and wait for every reader; `attach`
  -- waits for neither
  execute format('create table raw.%I (like raw.events including defaults)', name);
  perform raw.set_upkeep(('raw.' || name)::regclass);
  -- readers skip days that old unless a trigger records the write: the new day gets that trigger
  if (day + 1)::timestamp at time zone 'UTC' <= (select since from log.open_days) then
    perform log.close_day(('raw.' || name)::regclass);
  end if;
  execute format(
    'alter table raw.events attach partition raw.%I for values from (%L) to (%L)',
    name,
    (day::timestamp at time zone 'UTC'),
    ((day + 1)::timestamp at time zone 'UTC')
  );
end $function$;

CREATE OR REPLACE FUNCTION raw.partitions_before(before timestamp with time zone)
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
  select c.relname::text
  from pg_inherits as h
  join pg_class as c on c.oid = h.inhrelid
  where h.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
    and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= before
  order by c.relname
$function$;

CREATE OR REPLACE FUNCTION raw.prepare_days(ahead integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  for n in 0 .. least(greatest(ahead, 0), 31) loop
    perform raw.ensure_partition((now() at time zone 'UTC')::date + n);
  end loop;
end $function$;

CREATE OR REPLACE FUNCTION raw.rotate_identities(started_before timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  -- begun while the clock was ahead
  update raw.identity_generation set started_at = clock.trusted() where started_at > clock.trusted() + interval '1 day';
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  perform set_config('lock_timeout', '500ms', true);
  lock table raw.identities in access exclusive mode;
  lock table raw.identities_before in access exclusive mode;
  -- another process may have done it while this one waited for the locks
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  truncate raw.identities_before;
  alter table raw.identities_before rename to identities_next;
  alter table raw.identities rename to identities_before;
  alter table raw.identities_next rename to identities;
  update raw.identity_generation set started_at = clock.trusted();
  return true;
end $function$;

CREATE OR REPLACE FUNCTION raw.set_upkeep(day regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  statistics text;
begin
  select string_agg(format('alter column %I set statistics %s', attname,
      case attname when 'payload' then 0 when 'occurred_at' then 30 else 10 end), ', ')
  into statistics from pg_attribute where attrelid = day and attnum > 0 and not attisdropped;
  execute format('alter table %s %s', day, statistics);
  execute format('alter table %s reset (autovacuum_vacuum_insert_scale_factor)', day);
  execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.05)',
    day);
end $function$;


-- relay -------------------------------------------------------------------------------------------
create schema relay;

create table relay.state (
  only_row boolean not null default true,
  epoch bigint not null default 0,
  owner text,
  heartbeat_at timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,
  topic text,
  topic_id text,
  least_ends bigint[] not null default '{}'::bigint[],
  loss text,
  loss_noticed_at timestamp with time zone,
  differences text[] not null default '{}'::text[],
  constraint state_only_row_check CHECK (only_row),
  constraint state_pkey PRIMARY KEY (only_row)
) with (fillfactor=50);

CREATE OR REPLACE FUNCTION relay.rewind(target pg_snapshot)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  kept log.readers;
begin
  select * into kept from log.readers where name = 'relay' for no key update;
  if kept.name is null or pg_snapshot_xmax(target) > pg_snapshot_xmax(kept.position)
    or exists (select from pg_snapshot_xip(kept.position) x where pg_visible_in_snapshot(x, target))
  then
    return false;
  end if;
  -- any day may hold events again that are unread
  update log.readers set position = target, since = '-infinity' where name = 'relay';
  update relay.state set loss = null, loss_noticed_at = null;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION relay.rewind_target(received_from timestamp with time zone, OUT "position" pg_snapshot)
 RETURNS pg_snapshot
 LANGUAGE plpgsql
 STABLE
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
#variable_conflict use_column
declare
  current pg_snapshot := (select r.position from log.readers r where r.name = 'relay');
  first_xid xid8 := (select min(xid) from raw.events where received_at >= received_from);
begin
  if first_xid is null or first_xid >= pg_snapshot_xmax(current) then return; end if;
  select (coalesce(min(x)::text, first_xid::text) || ':' || first_xid || ':' || coalesce(string_agg(x::text, ',' order by x), ''))::pg_snapshot
  into "position"
  from pg_snapshot_xip(current) x where x < first_xid;
end $function$;


-- stream ------------------------------------------------------------------------------------------
create schema stream;

create table stream.embeddings (
  model_id text not null,
  content_hash bytea not null,
  vector bytea not null,
  event_day date,
  constraint embeddings_pkey PRIMARY KEY (model_id, content_hash)
);
CREATE INDEX embeddings_event_day ON stream.embeddings USING btree (event_day) WHERE (event_day IS NOT NULL);

create table stream.leases (
  name text not null,
  owner text not null,
  heartbeat_at timestamp with time zone not null,
  constraint leases_pkey PRIMARY KEY (name)
);

create table stream.products (
  point_id uuid not null,
  key text not null,
  name text,
  description text,
  category text,
  price numeric,
  currency text,
  content_hash bytea not null default '\x'::bytea,
  content_rank smallint not null default 0,
  content_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  folded text not null default ''::text,
  words tsvector not null generated always as (to_tsvector('simple'::regconfig, folded)) stored,
  first_seen timestamp with time zone not null,
  last_seen timestamp with time zone not null,
  counts jsonb not null default '{}'::jsonb,
  purchases bigint not null default 0,
  views bigint not null default 0,
  popularity integer not null generated always as ((((floor(((16)::double precision * ln(((1 + purchases))::double precision))))::integer * 1000) + (floor(((8)::double precision * ln(((1 + views))::double precision))))::integer)) stored,
  number integer not null generated always as identity,
  constraint products_number_key UNIQUE (number),
  constraint products_pkey PRIMARY KEY (point_id)
) with (fillfactor=60);
CREATE INDEX products_popular ON stream.products USING btree (popularity DESC, point_id) WHERE (content_rank > 0);
CREATE INDEX products_words ON stream.products USING gin (words);
alter table stream.products alter column category set statistics 10;
alter table stream.products alter column content_at set statistics 10;
alter table stream.products alter column content_hash set statistics 10;
alter table stream.products alter column content_rank set statistics 10;
alter table stream.products alter column counts set statistics 0;
alter table stream.products alter column currency set statistics 10;
alter table stream.products alter column description set statistics 0;
alter table stream.products alter column first_seen set statistics 10;
alter table stream.products alter column folded set statistics 0;
alter table stream.products alter column key set statistics 10;
alter table stream.products alter column last_seen set statistics 10;
alter table stream.products alter column name set statistics 10;
alter table stream.products alter column number set statistics 10;
alter table stream.products alter column point_id set statistics 10;
alter table stream.products alter column popularity set statistics 10;
alter table stream.products alter column price set statistics 10;
alter table stream.products alter column purchases set statistics 10;
alter table stream.products alter column views set statistics 10;
alter table stream.products alter column words set statistics 0;

create table stream.stale (
  id bigint not null generated always as identity,
  is_user boolean not null,
  point_ids uuid[] not null,
  marked_at timestamp with time zone not null default now(),
  constraint stale_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);
alter table stream.stale alter column point_ids set statistics 0;

create table stream.users (
  point_id uuid not null,
  key text not null,
  bought bytea not null default '\x'::bytea,
  events bigint not null default 0,
  last_seen timestamp with time zone not null default '-infinity'::timestamp with time zone,
  items bytea not null default '\x'::bytea,
  constraint users_pkey PRIMARY KEY (point_id)
) with (fillfactor=50);
alter table stream.users alter column bought set statistics 0;
alter table stream.users alter column events set statistics 10;
alter table stream.users alter column items set statistics 0;
alter table stream.users alter column key set statistics 10;
alter table stream.users alter column last_seen set statistics 10;
alter table stream.users alter column point_id set statistics 10;
alter table stream.users alter column bought set storage external;
alter table stream.users alter column items set storage external;

create view stream.pages as
 SELECT id,
    from_position,
    to_position,
    since,
    read_at,
    events,
    owner,
    epoch,
    heartbeat_at
   FROM log.pages
  WHERE reader = 'stream'::text;

CREATE OR REPLACE FUNCTION stream.add_counts(kept jsonb, added jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE STRICT
AS $function$
  select kept || jsonb_object_agg(key, coalesce((kept ->> key)::bigint, 0) + value::bigint)
  from jsonb_each_text(added)
$function$;

CREATE OR REPLACE FUNCTION stream.add_to_products(ids uuid[], types text[], new_events integer[], new_counts text[], first_seen_at timestamp with time zone[], last_seen_at timestamp with time zone[], new_views integer[], new_purchases integer[], told_hashes bytea[], told_at timestamp with time zone[])
 RETURNS TABLE(point_id uuid, number integer, differs boolean, hash bytea, content_rank smallint, content_at timestamp with time zone)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
begin
  return query
  update stream.products p
  set counts = case
      when u.all_counts is null
        then p.counts || jsonb_build_object(u.type, coalesce((p.counts ->> u.type)::bigint, 0) + u.added)
      else stream.add_counts(p.counts, u.all_counts::jsonb)
    end,
    first_seen = least(p.first_seen, u.first_seen), last_seen = greatest(p.last_seen, u.last_seen),
    views = p.views + u.views, purchases = p.purchases + u.purchases,
    content_at = case when p.content_hash = u.hash then greatest(p.content_at, u.told_at) else p.content_at end
  from unnest(ids, types, new_events, new_counts, first_seen_at, last_seen_at, new_views, new_purchases, told_hashes,
      told_at)
    as u (id, type, added, all_counts, first_seen, last_seen, views, purchases, hash, told_at)
  where p.point_id = u.id
  returning p.point_id, p.number, p.content_hash <> u.hash, p.content_hash, p.content_rank, p.content_at;
end $function$;

CREATE OR REPLACE FUNCTION stream.add_to_users(ids uuid[], keys text[], new_items bytea[], new_bought bytea[], new_events integer[], seen_at timestamp with time zone[], most_item_bytes integer, most_bought_bytes integer)
 RETURNS TABLE(point_id uuid, items bytea, bought bytea)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
  return query
  with added as (
    insert into stream.users as s (point_id, key, items, bought, events, last_seen)
    select unnest(ids), unnest(keys), unnest(new_items), unnest(new_bought), unnest(new_events), unnest(seen_at)
    on conflict on constraint users_pkey do update
    set items = excluded.items || s.items, bought = s.bought || excluded.bought,
      events = s.events + excluded.events, last_seen = greatest(s.last_seen, excluded.last_seen)
    returning s.point_id, s.items, s.bought
  )
  select a.point_id, a.items, a.bought from added a
  where length(a.items) > most_item_bytes or length(a.bought) > most_bought_bytes;
end $function$;

CREATE OR REPLACE FUNCTION stream.bought_by(buyer uuid)
 RETURNS uuid[]
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
AS $function$
  select coalesce(array_agg(distinct p.point_id), '{}')
  from stream.users u
  cross join lateral generate_series(1, length(u.bought), 4) at
  join stream.products p on p.number = substr(u.bought, at, 4)::int
  where u.point_id = buyer
$function$;

CREATE OR REPLACE FUNCTION stream.claim(worker text, max_events integer, longest_write interval, patience interval)
 RETURNS SETOF log.pages
 LANGUAGE sql
AS $function$
  select * from log.claim('stream', worker, max_events, patience)
$function$;

CREATE OR REPLACE FUNCTION stream.put_event_points(collection integer, ids uuid[], other_ids uuid[], new_vectors bytea[], payloads jsonb[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  size int := 4 * vectors.hold_collection(collection);
  wrong int;
  added int;
begin
  select octet_length(v) into wrong from unnest(new_vectors) v where octet_length(v) <> size limit 1;
  if found then
    raise exception 'the collection has % dimensions, a vector % bytes', size / 4, wrong using errcode = 'WV002';
  end if;
  insert into vectors.points (collection_id, id, vector, payload)
  select collection, t.id, t.vector, t.payload
  from unnest(ids, other_ids, new_vectors, payloads) with ordinality t (id, other_id, vector, payload, place)
  where not exists (
    select from vectors.points p
    where p.collection_id = collection and p.id = t.other_id and p.deleted_at is null)
  order by t.id, t.place
  on conflict do nothing;
  get diagnostics added = row_count;
  if added = cardinality(ids) then return; end if;
  -- some already exist: the event was sent again, or is of another service
  perform from vectors.points p
  where p.collection_id = collection and p.id = any (ids) order by p.id for no key update;
  perform vectors.put_points(collection, array_agg(t.target order by t.place),
    array_agg(t.vector order by t.place), array_agg(t.payload order by t.place))
  from (
    select u.place, u.vector, u.payload, case
      when other.id is not null then u.other_id
      when mine.id is not null and mine.deleted_at is null
        and mine.payload -> 'source' is distinct from u.payload -> 'source' then u.other_id
      else u.id end as target
    from unnest(ids, other_ids, new_vectors, payloads) with ordinality u (id, other_id, vector, payload, place)
    left join vectors.points mine on mine.collection_id = collection and mine.id = u.id
    left join vectors.points other
      on other.collection_id = collection and other.id = u.other_id and other.deleted_at is null
  ) t;
end $function$;

CREATE OR REPLACE FUNCTION stream.take_stale(of_users boolean, most integer, OUT ids text, OUT since timestamp with time zone, OUT more boolean)
 RETURNS record
 LANGUAGE sql
 SET enable_seqscan TO 'off'
AS $function$
  with gone as (
    delete from stream.stale where id = any (array(
      select id from stream.stale where is_user = of_users order by marked_at, id limit 2000 for update skip locked))
    returning point_ids, marked_at
  ), marks as (
    select point_id, min(marked_at) as since from gone cross join lateral unnest(point_ids) point_id group by point_id
  ), placed as materialized (
    select point_id, since, row_number() over (order by since, point_id) as place from marks
  ), put_back as (
    insert into stream.stale (is_user, point_ids, marked_at)
    select of_users, array_agg(point_id), since from placed where place > most group by since, (place - 1) / 100
  )
  select coalesce(string_agg(point_id::text, '' order by place) filter (where place <= most), ''),
    min(since) filter (where place <= most),
    count(*) > most or (select count(*) from gone) = 2000
  from placed
$function$;


-- telemetry ---------------------------------------------------------------------------------------
create schema telemetry;

create table telemetry.processes (
  name text not null,
  at timestamp with time zone not null,
  metrics jsonb not null,
  constraint processes_pkey PRIMARY KEY (name)
) with (fillfactor=50);


-- vectors -----------------------------------------------------------------------------------------
create schema vectors;

create table vectors.aliases (
  alias text not null,
  collection_id integer not null,
  constraint aliases_alias_check CHECK (((length(alias) >= 1) AND (length(alias) <= 200))),
  constraint aliases_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES vectors.collections(id) ON DELETE CASCADE,
  constraint aliases_pkey PRIMARY KEY (alias)
);
CREATE INDEX aliases_collection ON vectors.aliases USING btree (collection_id);

create table vectors.collections (
  id integer not null generated always as identity,
  name text not null,
  dimension integer not null,
  payload_indexes jsonb not null default '{}'::jsonb,
  purged xid8 not null default '0'::xid8,
  created_at timestamp with time zone not null default clock_timestamp(),
  purged_by xid8 not null default '0'::xid8,
  constraint collections_dimension_check CHECK (((dimension >= 1) AND (dimension <= 4096))),
  constraint collections_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  constraint collections_name_key UNIQUE (name),
  constraint collections_pkey PRIMARY KEY (id)
);

create table vectors.model_collections (
  collection_id integer not null,
  model_id text not null,
  purpose text not null,
  filling boolean not null default false,
  constraint model_collections_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES vectors.collections(id) ON DELETE CASCADE,
  constraint model_collections_model_id_fkey FOREIGN KEY (model_id) REFERENCES vectors.models(id) ON DELETE CASCADE,
  constraint model_collections_model_id_purpose_key UNIQUE (model_id, purpose),
  constraint model_collections_pkey PRIMARY KEY (collection_id),
  constraint model_collections_purpose_check CHECK ((purpose = ANY (ARRAY['products'::text, 'users'::text, 'events'::text])))
);

create table vectors.model_files (
  file_id uuid not null,
  place integer not null,
  bytes bytea not null,
  written_at timestamp with time zone not null default now(),
  constraint model_files_pkey PRIMARY KEY (file_id, place)
);
alter table vectors.model_files alter column bytes set storage external;

create table vectors.models (
  id text not null,
  kind text not null,
  dimension integer not null,
  settings jsonb not null default '{}'::jsonb,
  automatic boolean not null,
  corpus_texts integer,
  state text not null,
  wanted boolean not null default false,
  rebuild boolean not null default false,
  created_at timestamp with time zone not null default now(),
  ready_at timestamp with time zone,
  live_at timestamp with time zone,
  retired_at timestamp with time zone,
  error text,
  set_aside_at timestamp with time zone,
  file_id uuid,
  file_bytes integer,
  constraint models_dimension_check CHECK (((dimension >= 1) AND (dimension <= 4096))),
  constraint models_kind_check CHECK ((kind = ANY (ARRAY['random-projection'::text, 'lsa'::text, 'transformer'::text, 'http'::text]))),
  constraint models_pkey PRIMARY KEY (id),
  constraint models_state_check CHECK ((state = ANY (ARRAY['building'::text, 'ready'::text, 'live'::text, 'retired'::text])))
);
CREATE UNIQUE INDEX models_live ON vectors.models USING btree ((true)) WHERE (state = 'live'::text);

create table vectors.points (
  collection_id integer not null,
  id uuid not null,
  vector bytea,
  payload jsonb not null default '{}'::jsonb,
  changed xid8 not null default pg_current_xact_id(),
  vector_changed xid8 not null default pg_current_xact_id(),
  deleted_at timestamp with time zone,
  constraint points_pkey PRIMARY KEY (collection_id, id),
  constraint points_vector_or_tombstone CHECK (((deleted_at IS NULL) = (vector IS NOT NULL)))
) with (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=2000);
CREATE INDEX points_changed ON vectors.points USING btree (collection_id, changed, id);
CREATE INDEX points_event_received ON vectors.points USING btree (collection_id, ((payload ->> 'received_at'::text)) COLLATE "C") WHERE (payload ? 'event_id'::text);
CREATE INDEX points_event_user ON vectors.points USING btree (collection_id, ((payload ->> 'user_id'::text))) WHERE (payload ? 'event_id'::text);
CREATE INDEX points_tombstones ON vectors.points USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
alter table vectors.points alter column changed set statistics 10;
alter table vectors.points alter column collection_id set statistics 10;
alter table vectors.points alter column deleted_at set statistics 10;
alter table vectors.points alter column id set statistics 10;
alter table vectors.points alter column payload set statistics 0;
alter table vectors.points alter column vector set statistics 0;
alter table vectors.points alter column vector_changed set statistics 10;
alter table vectors.points alter column vector set storage external;
alter index vectors.points_event_received alter column 2 set statistics 10;
alter index vectors.points_event_user alter column 2 set statistics 10;

create table vectors.sync_state (
  store text not null,
  collection_id integer not null,
  name text not null,
  "position" text not null default '1:1:'::text,
  epoch bigint not null default 0,
  sweep boolean not null default false,
  caught_up_at timestamp with time zone,
  synced_at timestamp with time zone,
  points bigint not null default 0,
  created_at timestamp with time zone not null default clock_timestamp(),
  incarnation text,
  constraint sync_state_pkey PRIMARY KEY (store, collection_id),
  constraint sync_state_store_check CHECK (((length(store) >= 1) AND (length(store) <= 100)))
);

create view vectors.deliveries as
 SELECT store,
    collection_id,
    name,
    "position",
    epoch,
    sweep,
    caught_up_at,
    synced_at AS delivered_at,
    points,
    created_at
   FROM vectors.sync_state;

CREATE OR REPLACE FUNCTION vectors.delete_points(collection integer, ids uuid[])
 RETURNS integer
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  deleted int;
begin
  perform vectors.hold_collection(collection);
  with held as (
    select p.id from vectors.points p
    where p.collection_id = collection and p.id = any (ids) and p.deleted_at is null
    order by p.id for no key update
  )
  update vectors.points p
  set vector = null, payload = '{}', deleted_at = clock_timestamp(), changed = pg_current_xact_id(),
    vector_changed = pg_current_xact_id()
  from held
  where p.collection_id = collection and p.id = held.id;
  get diagnostics deleted = row_count;
  return deleted;
end $function$;

CREATE OR REPLACE FUNCTION vectors.drop_collection(wanted text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  gone int;
begin
  delete from vectors.collections where name = wanted returning id into gone;
  if gone is null then
    return false;
  end if;
  delete from vectors.points where collection_id = gone;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION vectors.hold_collection(collection integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  found_dimension int;
begin
  select dimension into found_dimension from vectors.collections where id = collection for key share;
  if found_dimension is null then
    raise exception 'there is no collection %', collection using errcode = 'WV001';
  end if;
  return found_dimension;
end $function$;

CREATE OR REPLACE FUNCTION vectors.mend_feed(collection integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
  if (select max(changed) < pg_snapshot_xmax(pg_current_snapshot()) is not false
      from vectors.points where collection_id = collection)
    and (select bool_and(greatest(purged, purged_by) < pg_snapshot_xmax(pg_current_snapshot())) is not false
         from vectors.collections where id = collection) then
    return false;
  end if;
  perform vectors.hold_collection(collection);
  update vectors.points set changed = pg_current_xact_id(), vector_changed = pg_current_xact_id()
  where collection_id = collection;
  update vectors.collections set purged = pg_current_xact_id(), purged_by = pg_current_xact_id()
  where id = collection;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION vectors.purge_tombstones(age interval)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
  total bigint;
begin
  with gone as (
    delete from vectors.points where deleted_at < clock_timestamp() - age returning collection_id, changed
  ), newest as (
    select collection_id, max(changed) as changed, count(*) as n from gone group by collection_id
  ), noted as (
    update vectors.collections c
    set purged = greatest(c.purged, newest.changed), purged_by = pg_current_xact_id()
    from newest where c.id = newest.collection_id
  )
  select coalesce(sum(n), 0) into total from newest;
  return total;
end $function$;

CREATE OR REPLACE FUNCTION vectors.put_points(collection integer, ids uuid[], new_vectors bytea[], payloads jsonb[])
 RETURNS uuid[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  size int := 4 * vectors.hold_collection(collection);
  wrong int;
  left_out uuid[] := '{}';
begin
  select octet_length(v) into wrong from unnest(new_vectors) v where octet_length(v) <> size limit 1;
  if found then
    raise exception 'the collection has % dimensions, a vector % bytes', size / 4, wrong using errcode = 'WV002';
  end if;
  if array_position(new_vectors, null) is not null then
    select coalesce(array_agg(distinct t.id), '{}') into left_out
    from unnest(ids, new_vectors) t (id, vector)
    where t.vector is null and not exists (
      select from vectors.points p
      where p.collection_id = collection and p.id = t.id and p.deleted_at is null);
  end if;
  -- constraints are checked before the conflict, so "keep" is an empty vector, not null
  insert into vectors.points as p (collection_id, id, vector, payload)
  select collection, t.id, coalesce(t.vector, ''), t.payload
  from (
    select distinct on (u.id) u.id, u.vector, u.payload
    from unnest(ids, new_vectors, payloads) with ordinality u (id, vector, payload, place)
    order by u.id, u.place desc
  ) t
  where t.vector is not null or t.id <> all (left_out)
  order by t.id
  on conflict (collection_id, id) do update
  set vector = case when excluded.vector = '' then p.vector else excluded.vector end,
    payload = excluded.payload, changed = excluded.changed, deleted_at = null,
    vector_changed = case when excluded.vector in ('', p.vector) then p.vector_changed
      else excluded.changed end
  where case when p.deleted_at is not null then excluded.vector <> ''
    else p.payload <> excluded.payload or excluded.vector not in ('', p.vector) end;
  return left_out;
end $function$;

CREATE OR REPLACE FUNCTION vectors.read_changes(collection integer, since pg_snapshot, vectors_since pg_snapshot, until pg_snapshot, last_changed xid8, last_id uuid, max_points integer)
 RETURNS TABLE(id uuid, changed xid8, vector bytea, payload text, deleted boolean)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  running xid8[] := array(select pg_snapshot_xip(since));
begin
  return query
  select n.id, n.changed,
    case when not pg_visible_in_snapshot(n.vector_changed, vectors_since) then n.vector end,
    n.payload::text, n.deleted_at is not null
  from (
    (select p.id, p.changed, p.vector_changed, p.vector, p.payload, p.deleted_at
     from vectors.points p
     where p.collection_id = collection and p.changed >= pg_snapshot_xmax(since)
       and (p.changed, p.id) > (last_changed, last_id) and pg_visible_in_snapshot(p.changed, until)
     order by p.changed, p.id limit max_points)
    union all
    (select p.id, p.changed, p.vector_changed, p.vector, p.payload, p.deleted_at
     from vectors.points p
     where p.collection_id = collection and p.changed = any (running)
       and (p.changed, p.id) > (last_changed, last_id) and pg_visible_in_snapshot(p.changed, until)
     order by p.changed, p.id limit max_points)
  ) n
  order by n.changed, n.id
  limit max_points;
end $function$;

CREATE OR REPLACE FUNCTION vectors.set_payload(collection integer, ids uuid[], members jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
  gone text[] := array(select key from jsonb_each(members) where value = 'null');
begin
  perform vectors.hold_collection(collection);
  with held as (
    select p.id from vectors.points p
    where p.collection_id = collection and p.id = any (ids) and p.deleted_at is null
    order by p.id for no key update
  )
  update vectors.points p
  set payload = (p.payload || members) - gone, changed = pg_current_xact_id()
  from held
  where p.collection_id = collection and p.id = held.id and p.payload <> (p.payload || members) - gone;
end $function$;

CREATE OR REPLACE FUNCTION vectors.switch_aliases(targets jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  missing text;
begin
  select t.value into missing from jsonb_each_text(targets) t
  where not exists (select from vectors.collections c where c.name = t.value) limit 1;
  if found then
    raise exception 'there is no collection %', missing using errcode = 'WV001';
  end if;
  insert into vectors.aliases (alias, collection_id)
  select t.key, c.id from jsonb_each_text(targets) t join vectors.collections c on c.name = t.value
  order by t.key
  on conflict (alias) do update set collection_id = excluded.collection_id;
end $function$;

comment on table vectors.sync_state is 'How far the points of each collection have been copied to an external vector store.';


-- Rights ------------------------------------------------------------------------------------------
-- Of others than the owner. A function that is not listed is the owner's alone.
grant usage on schema analytics to weir_app;
grant usage on schema auth to weir_app;
grant usage on schema clock to weir_app;
grant usage on schema deliveries to weir_app;
grant usage on schema dlq to weir_app;
grant usage on schema engine to weir_app;
grant usage on schema engine to weir_spark;
grant usage on schema erasure to weir_app;
grant usage on schema etl to weir_app;
grant usage on schema log to weir_app;
grant usage on schema public to weir_app;
grant usage on schema raw to weir_app;
grant usage on schema raw to weir_ingest;
grant usage on schema relay to weir_app;
grant usage on schema stream to weir_app;
grant usage on schema telemetry to weir_app;
grant usage on schema vectors to weir_app;
grant delete, insert, select, truncate, update on table analytics.currencies to weir_app;
grant select, usage on sequence analytics.currencies_id_seq to weir_app;
grant delete, insert, select, truncate, update on table analytics.event_types to weir_app;
grant select, usage on sequence analytics.event_types_id_seq to weir_app;
grant delete, insert, select, truncate, update on table analytics.facts to weir_app;
grant delete, insert, select, truncate, update on table analytics.facts_default to weir_app;
grant delete, insert, select, truncate, update on table analytics.key_facts to weir_app;
grant delete, insert, select, truncate, update on table analytics.product_revenue to weir_app;
grant delete, insert, select, truncate, update on table analytics.product_windows to weir_app;
grant delete, insert, select, truncate, update on table analytics.products to weir_app;
grant select, usage on sequence analytics.products_id_seq to weir_app;
grant delete, insert, select, truncate, update on table analytics.sessions to weir_app;
grant delete, insert, select, truncate, update on table analytics.user_hours to weir_app;
grant delete, insert, select, truncate, update on table analytics.user_months to weir_app;
grant delete, insert, select, truncate, update on table analytics.users to weir_app;
grant select, usage on sequence analytics.users_id_seq to weir_app;
grant delete, insert, select, truncate, update on table analytics.window_counts to weir_app;
grant delete, insert, select, truncate, update on table analytics.window_revenue to weir_app;
grant delete, insert, select, truncate, update on table analytics.window_totals to weir_app;
grant insert, select on table auth.audit_log to weir_app;
grant select, usage on sequence auth.audit_log_id_seq to weir_app;
grant delete, insert, select, update on table auth.extra_permissions to weir_app;
grant delete, insert, select, update on table auth.keys to weir_app;
grant delete, insert, select, update on table auth.revision to weir_app;
grant delete, insert, select, update on table auth.revoked_permissions to weir_app;
grant delete, insert, select, update on table auth.roles to weir_app;
grant delete, insert, select, update on table auth.services to weir_app;
grant select, usage on sequence auth.services_id_seq to weir_app;
grant delete, insert, select, update on table auth.sessions to weir_app;
grant delete, insert, select, update on table auth.signin_links to weir_app;
grant select on table clock.state to weir_app;
grant delete, insert, select, update on table deliveries.attempts to weir_app;
grant delete, insert, select, update on table deliveries.deliveries to weir_app;
grant select, usage on sequence deliveries.deliveries_id_seq to weir_app;
grant delete, insert, select, update on table deliveries.replays to weir_app;
grant delete, insert, select, update on table deliveries.secrets to weir_app;
grant delete, insert, select, update on table deliveries.state to weir_app;
grant delete, insert, select, update on table deliveries.subscriptions to weir_app;
grant delete, insert, select, update on table dlq.letters to weir_app;
grant delete, insert, select, update on table dlq.replays to weir_app;
grant delete, insert, select, update on table engine.counted to weir_app;
grant delete, insert, select, update on table engine.folded to weir_app;
grant delete, insert, select, update on table engine.rerun_hours to weir_app;
grant delete, insert, select, update on table engine.reruns to weir_app;
grant select, usage on sequence engine.reruns_id_seq to weir_app;
grant delete, insert, select, update on table engine.runs to weir_app;
grant delete, insert, select, update on table engine.staged to weir_app;
grant insert on table engine.staged to weir_spark;
grant delete, insert, select, update on table engine.state to weir_app;
grant delete, insert, select on table erasure.blocks to weir_app;
grant insert, select on table erasure.hours to weir_app;
grant insert, select on table erasure.requests to weir_app;
grant delete, insert, select, truncate, update on table etl.cursors to weir_app;
grant delete, insert, select, truncate, update on table etl.day_revisions to weir_app;
grant delete, insert, select, truncate, update on table etl.event_type_actions to weir_app;
grant delete, insert, select, truncate, update on table etl.leases to weir_app;
grant delete, insert, select, truncate, update on table etl.misdated to weir_app;
grant delete, insert, select, truncate, update on table etl.raw_history to weir_app;
grant delete, insert, select, truncate, update on table etl.retired_users to weir_app;
grant delete, insert, select, truncate, update on table etl.retractions to weir_app;
grant delete, insert, select, truncate, update on table etl.window_runs to weir_app;
grant select, usage on sequence etl.window_runs_id_seq to weir_app;
grant delete, insert, select, update on table log.current_incarnation to weir_app;
grant delete, insert, select, update on table log.incarnations to weir_app;
grant delete, insert, select, update on table log.open_days to weir_app;
grant delete, insert, select, truncate, update on table log.pages to weir_app;
grant select, usage on sequence log.pages_id_seq to weir_app;
grant delete, insert, select, truncate, update on table log.readers to weir_app;
grant delete, insert, select, update on table log.reopenings to weir_app;
grant select on table raw.dropped to weir_app;
grant select on table raw.events to weir_app;
grant select on table raw.identities to weir_app;
grant select on table raw.identities_before to weir_app;
grant select on table raw.identity_generation to weir_app;
grant delete, insert, select, update on table relay.state to weir_app;
grant delete, insert, select, truncate, update on table stream.embeddings to weir_app;
grant delete, insert, select, truncate, update on table stream.leases to weir_app;
grant delete, insert, select, truncate, update on table stream.pages to weir_app;
grant delete, insert, select, truncate, update on table stream.products to weir_app;
grant delete, insert, select, truncate, update on table stream.stale to weir_app;
grant delete, insert, select, truncate, update on table stream.users to weir_app;
grant delete, insert, select, update on table telemetry.processes to weir_app;
grant delete, insert, select, update on table vectors.aliases to weir_app;
grant delete, insert, select, update on table vectors.collections to weir_app;
grant select, usage on sequence vectors.collections_id_seq to weir_app;
grant delete, insert, select, update on table vectors.deliveries to weir_app;
grant delete, insert, select, update on table vectors.model_collections to weir_app;
grant delete, insert, select, update on table vectors.model_files to weir_app;
grant delete, insert, select, update on table vectors.models to weir_app;
grant delete, insert, select, update on table vectors.points to weir_app;
grant delete, insert, select, update on table vectors.sync_state to weir_app;
grant execute on function auth.touch() to weir_app;
grant execute on function clock.begin_day(timestamp with time zone) to weir_app;
grant execute on function clock.confirm() to weir_app;
grant execute on function clock.doubt_s(double precision) to weir_app;
grant execute on function clock.earliest() to weir_app;
grant execute on function clock.first_xid_since(timestamp with time zone) to weir_app;
grant execute on function clock.latest() to weir_app;
grant execute on function clock.tick(text,double precision,timestamp with time zone,timestamp with time zone) to weir_app;
grant execute on function clock.trusted() to weir_app;
grant execute on function dlq.add(text,text,jsonb,text,text,bytea,text,text) to weir_app;
grant execute on function engine.advance(log.readers,integer) to weir_app;
grant execute on function engine.apply_rerun(bigint,bigint,integer,integer) to weir_app;
grant execute on function engine.apply_rerun(bigint,bigint,integer,integer) to weir_spark;
grant execute on function engine.begin_rerun(integer,bigint,text) to weir_app;
grant execute on function engine.begin_rerun(integer,bigint,text) to weir_spark;
grant execute on function engine.begin_run(integer,text,text) to weir_app;
grant execute on function engine.begin_run(integer,text,text) to weir_spark;
grant execute on function engine.configure(text) to weir_app;
grant execute on function engine.contract() to weir_app;
grant execute on function engine.contract() to weir_spark;
grant execute on function engine.demand(bigint) to weir_app;
grant execute on function engine.demand_contract(integer,integer) to weir_app;
grant execute on function engine.demand_rerun(bigint,bigint,integer) to weir_app;
grant execute on function engine.end_rerun(bigint,bigint,text) to weir_app;
grant execute on function engine.end_rerun(bigint,bigint,text) to weir_spark;
grant execute on function engine.fold_batch(bigint,text,bigint,uuid[],integer[]) to weir_app;
grant execute on function engine.fold_batch(bigint,text,bigint,uuid[],integer[]) to weir_spark;
grant execute on function engine.forget(pg_snapshot) to weir_app;
grant execute on function engine.live_model() to weir_app;
grant execute on function engine.live_model() to weir_spark;
grant execute on function engine.model_piece(uuid,integer) to weir_app;
grant execute on function engine.model_piece(uuid,integer) to weir_spark;
grant execute on function engine.open_batch() to weir_app;
grant execute on function engine.position_before(xid8,pg_snapshot,xid8[]) to weir_app;
grant execute on function engine.read_batch(uuid[],pg_snapshot,timestamp with time zone) to weir_app;
grant execute on function engine.refuse_own_tables() to weir_app;
grant execute on function engine.report(bigint,jsonb) to weir_app;
grant execute on function engine.report(bigint,jsonb) to weir_spark;
grant execute on function engine.rerun_work(bigint,bigint) to weir_app;
grant execute on function engine.rerun_work(bigint,bigint) to weir_spark;
grant execute on function engine.stage_rerun(bigint,bigint,integer,integer) to weir_app;
grant execute on function engine.stage_rerun(bigint,bigint,integer,integer) to weir_spark;
grant execute on function engine.sweep() to weir_app;
grant execute on function engine.use(text,text) to weir_app;
grant execute on function etl.apply_facts(integer) to weir_app;
grant execute on function etl.apply_hour(bigint,integer,log.readers) to weir_app;
grant execute on function etl.apply_rerun(bigint,integer) to weir_app;
grant execute on function etl.apply_sums() to weir_app;
grant execute on function etl.apply_totals() to weir_app;
grant execute on function etl.apply_users(integer,integer[]) to weir_app;
grant execute on function etl.bit_of_day(integer) to weir_app;
grant execute on function etl.compare_counts(integer) to weir_app;
grant execute on function etl.compare_facts(integer) to weir_app;
grant execute on function etl.compare_hour(integer) to weir_app;
grant execute on function etl.compare_products(integer) to weir_app;
grant execute on function etl.compare_revenue(integer) to weir_app;
grant execute on function etl.compare_totals(integer) to weir_app;
grant execute on function etl.correct_purchases() to weir_app;
grant execute on function etl.day_of_minute(integer) to weir_app;
grant execute on function etl.day_revision(integer) to weir_app;
grant execute on function etl.days_of_users(integer[]) to weir_app;
grant execute on function etl.demand_raw_events(integer) to weir_app;
grant execute on function etl.drop_facts(timestamp with time zone) to weir_app;
grant execute on function etl.ensure_facts_partitions(date,date) to weir_app;
grant execute on function etl.facts_partition(integer) to weir_app;
grant execute on function etl.find_last_views() to weir_app;
grant execute on function etl.fold(integer[]) to weir_app;
grant execute on function etl.fold_counts() to weir_app;
grant execute on function etl.fold_facts() to weir_app;
grant execute on function etl.fold_items() to weir_app;
grant execute on function etl.fold_key_facts() to weir_app;
grant execute on function etl.fold_labels() to weir_app;
grant execute on function etl.fold_names() to weir_app;
grant execute on function etl.fold_products() to weir_app;
grant execute on function etl.fold_sessions() to weir_app;
grant execute on function etl.fold_tangled_sessions() to weir_app;
grant execute on function etl.fold_users() to weir_app;
grant execute on function etl.hour_of_minute(integer) to weir_app;
grant execute on function etl.last_cart(integer,timestamp with time zone) to weir_app;
grant execute on function etl.last_view_day(integer,integer) to weir_app;
grant execute on function etl.minute_of(timestamp with time zone) to weir_app;
grant execute on function etl.month_of_day(integer) to weir_app;
grant execute on function etl.note_misdated() to weir_app;
grant execute on function etl.note_wrong_users(integer) to weir_app;
grant execute on function etl.oldest_raw_day() to weir_app;
grant execute on function etl.open_batch() to weir_app;
grant execute on function etl.open_rerun() to weir_app;
grant execute on function etl.open_retraction() to weir_app;
grant execute on function etl.product_label(smallint,text,text) to weir_app;
grant execute on function etl.raw_events_gone(integer) to weir_app;
grant execute on function etl.read_batch(pg_snapshot,pg_snapshot,timestamp with time zone,integer) to weir_app;
grant execute on function etl.received_since(timestamp with time zone) to weir_app;
grant execute on function etl.replace_users(integer,integer[],integer) to weir_app;
grant execute on function etl.rerun_hour(bigint,integer,bigint,boolean) to weir_app;
grant execute on function etl.retire_users(text[],pg_snapshot[],timestamp with time zone[]) to weir_app;
grant execute on function etl.retract_day(integer[],integer,integer) to weir_app;
grant execute on function etl.retract_facts(integer) to weir_app;
grant execute on function etl.retract_products() to weir_app;
grant execute on function etl.retract_users(integer[],integer) to weir_app;
grant execute on function etl.stage_events(pg_snapshot,timestamp with time zone,timestamp with time zone,integer,integer[]) to weir_app;
grant execute on function etl.stage_events_since(log.readers,pg_snapshot,integer,integer[]) to weir_app;
grant execute on function etl.stage_hour(pg_snapshot,integer) to weir_app;
grant execute on function etl.stage_last_views(integer) to weir_app;
grant execute on function etl.stage_rerun(integer) to weir_app;
grant execute on function etl.staged_key_facts(integer,boolean) to weir_app;
grant execute on function etl.staged_sessions(integer,boolean) to weir_app;
grant execute on function etl.staged_user_hours(integer,boolean) to weir_app;
grant execute on function etl.start_of_hour(integer) to weir_app;
grant execute on function etl.step(bigint,integer,interval) to weir_app;
grant execute on function etl.was_retracted(integer,pg_snapshot) to weir_app;
grant execute on function log.adopt_restored() to weir_app;
grant execute on function log.advance(text,pg_snapshot,pg_snapshot,timestamp with time zone,timestamp with time zone,integer) to weir_app;
grant execute on function log.begin_incarnation(log.incarnations,text) to weir_app;
grant execute on function log.claim(text,text,integer,interval) to weir_app;
grant execute on function log.close_day(regclass) to weir_app;
grant execute on function log.close_days(date) to weir_app;
grant execute on function log.cluster() to weir_app;
grant execute on function log.incarnation() to weir_app;
grant execute on function log.is_due(timestamp with time zone) to weir_app;
grant execute on function log.lag(text,integer) to weir_app;
grant execute on function log.needed_since() to weir_app;
grant execute on function log.next_page(text,integer) to weir_app;
grant execute on function log.note_reopening() to weir_app;
grant execute on function log.page_after(pg_snapshot,timestamp with time zone,timestamp with time zone,integer) to weir_app;
grant execute on function log.position_after(pg_snapshot,xid8) to weir_app;
grant execute on function log.renumber_restored(pg_snapshot) to weir_app;
grant execute on function log.restored_position(text,pg_snapshot) to weir_app;
grant execute on function log.since(pg_snapshot,timestamp with time zone) to weir_app;
grant execute on function log.survived(text,pg_lsn) to weir_app;
grant execute on function log.unread(pg_snapshot,pg_snapshot,timestamp with time zone,integer) to weir_app;
grant execute on function raw.append(integer[],smallint[],uuid[],bigint[],timestamp with time zone[],text[],text[],numeric[],text[],text[],text[],json[],text[]) to weir_ingest;
grant execute on function raw.append_new(integer[],smallint[],uuid[],bigint[],timestamp with time zone[],text[],text[],numeric[],text[],text[],text[],json[],text[]) to weir_ingest;
grant execute on function raw.prepare_days(integer) to weir_ingest;
grant execute on function relay.rewind(pg_snapshot) to weir_app;
grant execute on function relay.rewind_target(timestamp with time zone) to weir_app;
grant execute on function stream.add_counts(jsonb,jsonb) to weir_app;
grant execute on function stream.add_to_products(uuid[],text[],integer[],text[],timestamp with time zone[],timestamp with time zone[],integer[],integer[],bytea[],timestamp with time zone[]) to weir_app;
grant execute on function stream.add_to_users(uuid[],text[],bytea[],bytea[],integer[],timestamp with time zone[],integer,integer) to weir_app;
grant execute on function stream.bought_by(uuid) to weir_app;
grant execute on function stream.claim(text,integer,interval,interval) to weir_app;
grant execute on function stream.put_event_points(integer,uuid[],uuid[],bytea[],jsonb[]) to weir_app;
grant execute on function stream.take_stale(boolean,integer) to weir_app;
grant execute on function vectors.delete_points(integer,uuid[]) to weir_app;
grant execute on function vectors.drop_collection(text) to weir_app;
grant execute on function vectors.hold_collection(integer) to weir_app;
grant execute on function vectors.mend_feed(integer) to weir_app;
grant execute on function vectors.purge_tombstones(interval) to weir_app;
grant execute on function vectors.put_points(integer,uuid[],bytea[],jsonb[]) to weir_app;
grant execute on function vectors.read_changes(integer,pg_snapshot,pg_snapshot,pg_snapshot,xid8,uuid,integer) to weir_app;
grant execute on function vectors.set_payload(integer,uuid[],jsonb) to weir_app;
grant execute on function vectors.switch_aliases(jsonb) to weir_app;

alter default privileges revoke execute on functions from public;
alter default privileges in schema analytics grant select, usage on sequences to weir_app;
alter default privileges in schema analytics grant execute on functions to weir_app;
alter default privileges in schema analytics grant delete, insert, select, truncate, update on tables to weir_app;
alter default privileges in schema auth grant select, usage on sequences to weir_app;
alter default privileges in schema auth grant execute on functions to weir_app;
alter default privileges in schema auth grant delete, insert, select, update on tables to weir_app;
alter default privileges in schema clock grant execute on functions to weir_app;
alter default privileges in schema deliveries grant select, usage on sequences to weir_app;
alter default privileges in schema deliveries grant execute on functions to weir_app;
alter default privileges in schema deliveries grant delete, insert, select, update on tables to weir_app;
alter default privileges in schema engine grant select, usage on sequences to weir_app;
alter default privileges in schema engine grant execute on functions to weir_app;
alter default privileges in schema engine grant delete, insert, select, update on tables to weir_app;
alter default privileges in schema etl grant select, usage on sequences to weir_app;
alter default privileges in schema etl grant execute on functions to weir_app;
alter default privileges in schema etl grant delete, insert, select, truncate, update on tables to weir_app;
alter default privileges in schema log grant select, usage on sequences to weir_app;
alter default privileges in schema log grant execute on functions to weir_app;
alter default privileges in schema log grant delete, insert, select, update on tables to weir_app;
alter default privileges in schema raw grant select on tables to weir_app;
alter default privileges in schema relay grant execute on functions to weir_app;
alter default privileges in schema relay grant delete, insert, select, update on tables to weir_app;
alter default privileges in schema stream grant execute on functions to weir_app;
alter default privileges in schema stream grant delete, insert, select, truncate, update on tables to weir_app;
alter default privileges in schema vectors grant select, usage on sequences to weir_app;
alter default privileges in schema vectors grant execute on functions to weir_app;
alter default privileges in schema vectors grant delete, insert, select, update on tables to weir_app;

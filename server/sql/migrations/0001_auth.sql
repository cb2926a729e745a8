-- Who may send and read: services, their keys, roles and the differences kept per service.
create schema auth;

-- `*` stands for one whole segment. Checked here too, because a revoked pattern that can never match
-- would silently revoke nothing.
create domain auth.permission_pattern as text check (
  value ~ '^([a-z][a-z0-9_]{0,62}|\*)\.(get|post|put|patch|delete|\*)\.([a-z][a-z0-9_]{0,62}|\*)$'
);

create table auth.services (
  id int generated always as identity primary key,
  name text not null unique check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
  role text not null,
  created_at timestamptz not null default now(),
  disabled_at timestamptz
);

-- Only a hash of the secret is kept. The id is the public part of the key, printed in lists and logs.
-- A key is taken only in the environment it was made for (dev, test, prod).
create table auth.keys (
  id text primary key,
  env text not null check (env ~ '^[a-z][a-z0-9]{0,15}$'),
  service_id int not null references auth.services (id),
  secret_hash bytea not null check (length(secret_hash) = 32),
  label text not null default '',
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index keys_service on auth.keys (service_id);

-- Roles hold patterns. `file`: follows policies/<name>.json at every start. `api`: changed at run time,
-- stands until it is reset to its file.
create table auth.roles (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
  description text not null default '',
  permissions auth.permission_pattern[] not null,
  source text not null default 'file' check (source in ('file', 'api')),
  updated_at timestamptz not null default now()
);

create table auth.extra_permissions (
  service_id int not null references auth.services (id),
  permission auth.permission_pattern not null,
  created_at timestamptz not null default now(),
  primary key (service_id, permission)
);

create table auth.revoked_permissions (
  service_id int not null references auth.services (id),
  permission auth.permission_pattern not null,
  created_at timestamptz not null default now(),
  primary key (service_id, permission)
);

-- Browser sessions and one-time sign-in links act for a key: they end when the key does.
create table auth.sessions (
  token_hash bytea primary key check (length(token_hash) = 32),
  key_id text not null references auth.keys (id),
  csrf_token text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

create table auth.signin_links (
  token_hash bytea primary key check (length(token_hash) = 32),
  key_id text not null references auth.keys (id),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);

create table auth.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);
create index audit_log_subject on auth.audit_log (subject, id desc);

-- One number that moves with every change above; caches compare it and reload.
create table auth.revision (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into auth.revision (revision) values (1);

create function auth.touch() returns trigger language plpgsql as $$
begin
  update auth.revision set revision = revision + 1;
  notify weir_auth;
  return null;
end $$;

-- Only what a decision depends on: neither `label` nor `last_used_at`, which is written all the time.
create trigger touch after insert or update of role, disabled_at or delete on auth.services
  for each statement execute function auth.touch();
create trigger touch after insert or update of expires_at, revoked_at or delete on auth.keys
  for each statement execute function auth.touch();
create trigger touch after insert or update or delete on auth.roles
  for each statement execute function auth.touch();
create trigger touch after insert or update or delete on auth.extra_permissions
  for each statement execute function auth.touch();
create trigger touch after insert or update or delete on auth.revoked_permissions
  for each statement execute function auth.touch();
create trigger touch after insert on auth.sessions
  for each statement execute function auth.touch();
-- By row, so that a clean-up that finds nothing wakes nobody.
create trigger touch_end after delete on auth.sessions
  for each row execute function auth.touch();

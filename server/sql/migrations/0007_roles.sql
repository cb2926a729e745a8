-- Who may do what. `weir_app` reads everything and writes all but the log; `weir_ingest` can do one
-- thing: append events. The owner migrates and applies retention. No passwords here: the embedded
-- server asks the kernel who connects, and for others they come from the configuration.
--
-- Roles belong to the whole server, so another database of it may have made them already.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['weir_app', 'weir_ingest'] loop
    continue when exists (select from pg_roles where rolname = wanted);
    begin
      execute format('create role %I login nosuperuser nocreatedb nocreaterole noinherit', wanted);
      -- an owner who is no superuser may then act as them over one URL
      execute format('grant %I to current_user with inherit false, set true', wanted);
      if wanted = 'weir_ingest' then
        -- readers of the log look back only as far as the longest write; nothing may write for longer
        alter role weir_ingest set transaction_timeout = '10s';
      end if;
    exception when duplicate_object or unique_violation then
      null; -- made by another database of this server at the same moment
    end;
  end loop;
end $$;

-- Functions are open to everyone unless told otherwise.
revoke all on schema public from public;
grant usage on schema public to weir_app;
revoke execute on all functions in schema auth, raw, etl, analytics from public;
alter default privileges revoke execute on functions from public;

grant usage on schema auth, raw, etl, analytics to weir_app;
grant usage on schema raw to weir_ingest;

-- weir_app reads the log and never writes it.
grant select on all tables in schema raw to weir_app;
grant select, insert, update, delete on all tables in schema auth, etl, analytics to weir_app;
grant usage, select on all sequences in schema auth, etl, analytics to weir_app;
grant execute on all functions in schema auth, etl, analytics to weir_app;
grant truncate on all tables in schema etl, analytics to weir_app;
-- the audit log only grows
revoke update, delete, truncate on auth.audit_log from weir_app;

alter default privileges in schema raw grant select on tables to weir_app;
alter default privileges in schema auth, etl, analytics
  grant select, insert, update, delete on tables to weir_app;
alter default privileges in schema etl, analytics grant truncate on tables to weir_app;
alter default privileges in schema auth, etl, analytics grant usage, select on sequences to weir_app;
alter default privileges in schema auth, etl, analytics grant execute on functions to weir_app;

-- By name, so that a new signature of them needs no new grant here. Both run as the owner: the
-- ingest role itself can neither read nor change a table.
do $$
declare
  found regprocedure;
begin
  for found in
    select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'raw' and p.proname in ('append', 'prepare_days')
  loop
    execute format('grant execute on function %s to weir_ingest', found);
  end loop;
end $$;

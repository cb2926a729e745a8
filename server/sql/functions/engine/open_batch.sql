-- Creates the session's work tables. They belong to the caller's rights: a session of weir_spark could have created
-- tables of these names, with triggers that would run with the rights of the owner.
create or replace function engine.open_batch() returns void language plpgsql as $$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.relnamespace = pg_my_temp_schema() and c.relowner <> (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
  ) then
    raise exception 'this session has temporary tables of its own' using errcode = '42501';
  end if;
  perform etl.open_batch();
  if to_regclass('pg_temp.batch_staged') is null then
    create temporary table batch_staged (like engine.staged) on commit delete rows;
    alter table batch_staged drop column token, drop column staged_at;
    -- a session that began before an upgrade
    if not exists (select from pg_attribute where attrelid = 'pg_temp.batch'::regclass and attname = 'event_id') then
      alter table pg_temp.batch add column event_id uuid;
    end if;
  end if;
end $$;

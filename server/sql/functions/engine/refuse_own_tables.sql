-- Refuses a session with temporary tables that its login has created: they could have the names of the work tables, with
-- triggers that would run with the rights of the owner.
create or replace function engine.refuse_own_tables() returns void language plpgsql as $$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.relnamespace = pg_my_temp_schema() and c.relowner <> (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
  ) then
    raise exception 'this session has temporary tables of its own' using errcode = '42501';
  end if;
end $$;

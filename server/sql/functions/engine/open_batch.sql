-- Creates the session's work tables.
create or replace function engine.open_batch() returns void language plpgsql as $$
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
end $$;

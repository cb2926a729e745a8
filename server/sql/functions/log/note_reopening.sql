-- Trigger of closed days: an event is being written to one, because PostgreSQL's clock has stepped back. Readers
-- see the note and the event together, as one transaction writes both.
create or replace function log.note_reopening() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into log.reopenings (received_from, noted_at)
  values (date_trunc('day', new.received_at, 'UTC'), clock.trusted()) on conflict do nothing;
  return new;
end $$;

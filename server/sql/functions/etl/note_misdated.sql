-- Records the days of events in the batch that occurred more than a day after their receipt: PostgreSQL's clock was
-- behind. What reads the log by event time then looks further back (etl.received_since).
create or replace function etl.note_misdated() returns void language plpgsql as $$
begin
  insert into etl.misdated (received_day, occurred_day)
  select distinct (received_at at time zone 'UTC')::date, (occurred_at at time zone 'UTC')::date
  from batch where occurred_at > received_at + interval '25 hours'
  on conflict do nothing;
end $$;

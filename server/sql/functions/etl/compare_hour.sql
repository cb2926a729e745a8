-- Compares the staged hour with the analytics, in the caller's snapshot, and fills the tables wrong_* with the
-- differences. Returns the number of raw events of the hour.
create or replace function etl.compare_hour(hour int) returns bigint language plpgsql as $$
begin
  perform etl.compare_facts(hour);
  perform etl.compare_counts(hour);
  perform etl.compare_revenue(hour);
  perform etl.compare_products(hour);
  perform etl.note_wrong_users(hour);
  perform etl.compare_totals(hour);
  return (select count(*) from rerun_events where inside);
end $$;

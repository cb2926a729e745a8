-- Deletes surplus facts of the hour and inserts missing ones, as wrong_facts says.
create or replace function etl.apply_facts(hour int) returns void language plpgsql as $$
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
end $$;

-- Fills wrong_facts: facts of the hour that are missing (n > 0) or too many (n < 0).
create or replace function etl.compare_facts(hour int) returns void language plpgsql as $$
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
end $$;

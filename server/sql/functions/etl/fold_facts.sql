-- Stage 3: one narrow row per event, for free-form queries.
create or replace function etl.fold_facts() returns void language plpgsql as $$
begin
  insert into analytics.facts (occurred_at, user_id, product_id, event_type, service_id, action, currency, amount)
  select occurred_at, user_id, product_id, event_type, service_id, action, currency, amount from batch;
end $$;

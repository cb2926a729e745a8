-- Deletes what the analytics keep of a user by name or row, after the user's hours were rebuilt from the
-- remaining raw events. Returns the number of rows deleted.
create or replace function erasure.erase_analytics(key_to_erase text) returns bigint language plpgsql as $$
declare
  erased bigint := 0;
  n bigint;
  gone int;
begin
  select id into gone from analytics.users where key = key_to_erase;
  if gone is null then return 0; end if;
  delete from analytics.facts where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.sessions where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.key_facts where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.user_hours where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.user_months where user_id = gone;
  get diagnostics n = row_count; erased := erased + n;
  delete from analytics.users where id = gone;
  return erased + 1;
end $$;

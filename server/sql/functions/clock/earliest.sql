-- The earliest that it can be: what is not old enough by this may not be deleted for its age.
create or replace function clock.earliest() returns timestamptz language sql stable as $$
  select least(trusted, weir, clock_timestamp()) from clock.state
$$;

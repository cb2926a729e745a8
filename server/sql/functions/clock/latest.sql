-- The latest that it can be: what has expired by this has expired.
create or replace function clock.latest() returns timestamptz language sql stable as $$
  select greatest(trusted, clock_timestamp()) from clock.state
$$;

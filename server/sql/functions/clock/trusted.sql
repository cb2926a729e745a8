-- Trusted time, at most a few seconds old while Weir runs.
create or replace function clock.trusted() returns timestamptz language sql stable as $$
  select trusted from clock.state
$$;

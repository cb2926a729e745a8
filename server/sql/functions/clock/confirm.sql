-- Believes PostgreSQL's clock from now on, on the word of an operator; returns what trusted time was.
create or replace function clock.confirm() returns timestamptz language plpgsql as $$
declare
  before timestamptz;
begin
  select s.trusted into before from clock.state s for update;
  update clock.state set trusted = clock_timestamp(), weir = clock_timestamp(), deviation_s = null, kind = null,
    since = null, steady_s = 0;
  -- what they have counted would bring the old time back
  delete from clock.machines;
  perform clock.begin_day(clock_timestamp());
  return before;
end $$;

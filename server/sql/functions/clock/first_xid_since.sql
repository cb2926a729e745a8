-- What transactions from this one on wrote was written on the day of `moment` in trusted time or later; null when
-- nothing was recorded.
create or replace function clock.first_xid_since(moment timestamptz) returns xid8 language sql stable as $$
  select min(xid) from clock.days where day >= (moment at time zone 'UTC')::date
$$;

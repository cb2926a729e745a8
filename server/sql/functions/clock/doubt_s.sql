-- For how long a deviation of the clocks must not change before it is believed, in seconds.
create or replace function clock.doubt_s(deviation_s float8) returns float8 language sql immutable as $$
  select least(86400, greatest(60, 10 * abs(deviation_s)))
$$;

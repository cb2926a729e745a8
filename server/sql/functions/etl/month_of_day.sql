-- The month of a day, counted since year 0.
create or replace function etl.month_of_day(day int) returns int language sql immutable parallel safe as
$$ select (extract(year from date '1970-01-01' + day) * 12 + extract(month from date '1970-01-01' + day) - 1)::int $$;

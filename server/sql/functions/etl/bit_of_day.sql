-- The bit of a day within its month's bitmap (analytics.user_months).
create or replace function etl.bit_of_day(day int) returns int language sql immutable parallel safe as
$$ select 1 << (extract(day from date '1970-01-01' + day)::int - 1) $$;

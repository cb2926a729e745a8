-- The day, since 1970 in UTC, of a minute since 1970.
create or replace function etl.day_of_minute(minute int) returns int language sql immutable parallel safe as
$$ select floor(minute / 1440::float8)::int $$;

-- The hour, since 1970 in UTC, of a minute since 1970.
create or replace function etl.hour_of_minute(minute int) returns int language sql immutable parallel safe as
$$ select floor(minute / 60::float8)::int $$;

-- The instant at which an hour, counted since 1970 in UTC, begins.
create or replace function etl.start_of_hour(hour int) returns timestamptz language sql immutable parallel safe as
$$ select timestamptz '1970-01-01 00:00:00+00' + hour * interval '1 hour' $$;

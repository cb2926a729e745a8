-- How often reruns have changed the day of an hour.
create or replace function etl.day_revision(hour int) returns bigint language sql stable as $$
  select coalesce((select revision from etl.day_revisions where day = floor(hour / 24::float8)::int), 0)
$$;

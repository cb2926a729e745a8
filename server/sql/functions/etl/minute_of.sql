-- The minute of an instant. Windows count minutes, hours and days since 1970 in UTC; date_bin is exact before
-- 1970 too.
create or replace function etl.minute_of(at timestamptz) returns int language sql stable parallel safe as
$$ select (date_part('epoch', date_bin('1 minute', at, timestamptz '1970-01-01 00:00:00+00')) / 60)::int $$;

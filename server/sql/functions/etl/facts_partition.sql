-- The partition with the facts of a day: its own, or the default one when the day is older than retention.
create or replace function etl.facts_partition(day int) returns text language sql stable as
$$ select coalesce(
     to_regclass('analytics.facts_' || to_char(date '1970-01-01' + day, 'YYYYMMDD')),
     'analytics.facts_default'::regclass)::text $$;

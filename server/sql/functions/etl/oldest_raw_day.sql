-- The oldest day that the raw log still holds.
create or replace function etl.oldest_raw_day() returns date language sql stable as $$
  select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i
  join pg_class c on c.oid = i.inhrelid where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
$$;

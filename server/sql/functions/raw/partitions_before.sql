-- Days of the log that end at or before `before`, oldest first.
create or replace function raw.partitions_before(before timestamptz) returns setof text
language sql stable
as $$
  select c.relname::text
  from pg_inherits as h
  join pg_class as c on c.oid = h.inhrelid
  where h.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
    and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= before
  order by c.relname
$$;

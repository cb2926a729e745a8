-- The oldest time that any reader still needs: partitions that end before it can be dropped. Null when nothing
-- reads the log.
create or replace function log.needed_since() returns timestamptz language sql stable as $$
  select min(n.since) from (
    select log.since(position, since) as since from log.readers
    union all select since from log.pages
  ) n
$$;

-- Whether retention has dropped raw events that the windows of a day were computed from. Those events were
-- received between the day before it (senders' clocks may run ahead) and now.
create or replace function etl.raw_events_gone(day int) returns boolean language sql stable as $$
  select exists (select from raw.dropped where date '1970-01-01' + day - 1 < until)
$$;

-- Of the previous version, whose processes call it until they have stopped: `longest_write` is no longer needed.
create or replace function stream.claim(worker text, max_events int, longest_write interval, patience interval)
returns setof log.pages language sql as $$
  select * from log.claim('stream', worker, max_events, patience)
$$;

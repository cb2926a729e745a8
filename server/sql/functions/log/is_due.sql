-- Whether a reader that found nothing to read should still move its position: every five seconds, so that its
-- look-back stays short. Also true when the clock has stepped back.
create or replace function log.is_due(read_at timestamptz) returns boolean language sql stable as $$
  select clock_timestamp() not between read_at and read_at + interval '5 seconds'
$$;

-- Refuses an hour whose raw events retention has dropped, or is about to: a rerun would lose them.
create or replace function etl.demand_raw_events(hour int) returns void language plpgsql as $$
begin
  if etl.raw_events_gone(floor(hour / 24::float8)::int) then
    raise exception 'retention has dropped raw events of the hour %: a rerun would lose them', etl.start_of_hour(hour)
    using errcode = 'WE003';
  end if;
end $$;

-- A page of the log for a worker: one whose owner sent no heartbeat for `patience`, else the next `max_events`
-- events, which moves the reader's position. No row when there is nothing to read.
create or replace function log.claim(for_reader text, worker text, max_events int, patience interval)
returns setof log.pages language plpgsql as $$
declare
  page record;
begin
  return query update log.pages p
    set owner = worker, epoch = p.epoch + 1, heartbeat_at = clock_timestamp()
    where p.id = (
      -- a heartbeat in the future was sent before the clock stepped back
      select a.id from log.pages a
      where a.reader = for_reader
        and a.heartbeat_at not between clock_timestamp() - patience and clock_timestamp() + patience
      order by a.id for update skip locked limit 1)
    returning p.*;
  if found then return; end if;

  perform from log.readers r where r.name = for_reader for no key update;
  select * into page from log.next_page(for_reader, max_events);
  if page.events > 0 then
    -- After a crash, ids of lost pages are given out again. The first epoch is random, so that a worker that still
    -- holds a lost page does not finish the page that has its id now.
    return query insert into log.pages
        (from_position, to_position, since, read_at, events, owner, epoch, reader, oldest)
      values (page.from_position, page.to_position, page.since, page.read_at, page.events, worker,
        1 + floor(random() * 1e9)::int, for_reader, page.oldest)
      returning *;
  end if;
  if page.events > 0 or log.is_due(page.read_at) then
    perform log.advance(for_reader, page.from_position, page.to_position, page.next_since, page.next_read_at, page.events);
  end if;
end $$;

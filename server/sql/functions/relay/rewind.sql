-- Moves the relay back to an earlier position; true if that position shows nothing that the relay has yet to send. The
-- page in progress is not recorded any more: its transaction finds the position moved. Forgets a noticed loss.
create or replace function relay.rewind(target pg_snapshot) returns boolean language plpgsql as $$
declare
  kept log.readers;
begin
  select * into kept from log.readers where name = 'relay' for no key update;
  if kept.name is null or pg_snapshot_xmax(target) > pg_snapshot_xmax(kept.position)
    or exists (select from pg_snapshot_xip(kept.position) x where pg_visible_in_snapshot(x, target))
  then
    return false;
  end if;
  -- any day may hold events again that are unread
  update log.readers set position = target, since = '-infinity' where name = 'relay';
  update relay.state set loss = null, loss_noticed_at = null;
  return true;
end $$;

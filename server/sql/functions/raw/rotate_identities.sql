-- Begins a new generation of identities when the current one began before `started_before`; returns whether it
-- did. The generation before the previous one is forgotten. Both times are trusted time: a clock that jumps must not
-- forget identities. Safe while groups are being written: like them, it
-- locks `identities` first and `identities_before` second.
create or replace function raw.rotate_identities(started_before timestamptz) returns boolean language plpgsql as $$
begin
  -- begun while the clock was ahead
  update raw.identity_generation set started_at = clock.trusted() where started_at > clock.trusted() + interval '1 day';
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  perform set_config('lock_timeout', '500ms', true);
  lock table raw.identities in access exclusive mode;
  lock table raw.identities_before in access exclusive mode;
  -- another process may have done it while this one waited for the locks
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  truncate raw.identities_before;
  alter table raw.identities_before rename to identities_next;
  alter table raw.identities rename to identities_before;
  alter table raw.identities_next rename to identities;
  update raw.identity_generation set started_at = clock.trusted();
  return true;
end $$;

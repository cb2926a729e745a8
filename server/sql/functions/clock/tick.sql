-- Moves trusted time on; every process calls it every few seconds. `boot` names the run of the caller's machine, and
-- `uptime_s` says for how long it had run, which no change of a clock affects, when the two clocks were read.
--
-- Trusted time advances by elapsed uptime. Clocks that agree with it within half a second correct its drift, by a tenth
-- of the elapsed time at most. A larger deviation is believed when it has not changed for clock.doubt_s: a clock that was
-- set right is believed, and one that jumps is noticed first.
create or replace function clock.tick(boot text, uptime_s float8, postgresql timestamptz, weir timestamptz)
returns clock.state language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  kept clock.state;
  ticked clock.state;
  machine clock.machines;
  elapsed_s float8;
  deviation_s float8;
begin
  -- a lost tick costs nothing, and others wait for this one
  perform set_config('synchronous_commit', 'off', true);
  select * into kept from clock.state for update;
  select * into machine from clock.machines m where m.boot = boot;
  elapsed_s := uptime_s - machine.uptime_s;
  -- another process of the machine has read the clocks since
  if elapsed_s between -60 and 0 then return kept; end if;
  if elapsed_s < 0 then elapsed_s := null; end if;
  ticked := (true, greatest(kept.trusted, machine.trusted + elapsed_s * interval '1 second'), weir, null, null, null, 0);
  deviation_s := extract(epoch from postgresql - ticked.trusted);
  if abs(extract(epoch from weir - postgresql)) > 0.5 then
    -- which of them is wrong cannot be known
    ticked.kind := 'disagreement';
    deviation_s := case when abs(extract(epoch from weir - ticked.trusted)) > abs(deviation_s)
      then extract(epoch from weir - ticked.trusted) else deviation_s end;
  elsif abs(deviation_s) <= 0.5 then
    ticked.trusted := ticked.trusted
      + greatest(-0.1 * elapsed_s, least(0.1 * elapsed_s, deviation_s)) * interval '1 second';
  elsif elapsed_s is null and deviation_s between 0 and 3600 then
    -- the machine was restarted
    ticked.trusted := postgresql;
  else
    ticked.kind := case when elapsed_s is null or kept.kind = 'offline' then 'offline' else 'step' end;
    if kept.kind in ('step', 'offline') and abs(deviation_s - kept.deviation_s) <= 0.5 then
      ticked.steady_s := kept.steady_s + extract(epoch from ticked.trusted - kept.trusted);
    end if;
    if ticked.steady_s >= clock.doubt_s(deviation_s) then
      ticked.trusted := postgresql;
      ticked.kind := null;
    end if;
  end if;
  if ticked.kind is not null then
    ticked.deviation_s := deviation_s;
    ticked.since := coalesce(kept.since, ticked.trusted);
  else
    ticked.steady_s := 0;
  end if;
  update clock.state set trusted = ticked.trusted, weir = ticked.weir, deviation_s = ticked.deviation_s, kind = ticked.kind,
    since = ticked.since, steady_s = ticked.steady_s;
  insert into clock.machines values (boot, uptime_s, ticked.trusted)
  on conflict on constraint machines_pkey do update set uptime_s = excluded.uptime_s, trusted = excluded.trusted;
  perform clock.begin_day(ticked.trusted);
  return ticked;
end $$;

-- Records the first transaction of the day of trusted time, once; days that were recorded while trusted time was too
-- far ahead are forgotten.
create or replace function clock.begin_day(trusted timestamptz) returns void language plpgsql as $$
declare
  today date := (begin_day.trusted at time zone 'UTC')::date;
begin
  if (select max(d.day) from clock.days d) is not distinct from today then return; end if;
  delete from clock.days d where d.day > today or d.day < today - 4000;
  insert into clock.days values (today, pg_snapshot_xmax(pg_current_snapshot())) on conflict do nothing;
  delete from clock.machines m where m.trusted < begin_day.trusted - interval '90 days';
end $$;

-- Sets how a day of the log is vacuumed and analyzed. Rows are only inserted, and a day is dropped as a whole. A
-- vacuum just for the visibility map and freezing cost 0.5 to 4 µs per event; a day that lasts for 200 million
-- transactions is frozen then, and rows removed by erasure are vacuumed as usual. The sample of an analyze is
-- sized by the largest statistics target of a column: 9,000 rows instead of 30,000. `payload` has no statistics,
-- because no condition filters on it as a whole. `occurred_at` has more than the other columns: events that
-- arrive days late would otherwise hide the first hours of the day in one step of the histogram.
create or replace function raw.set_upkeep(day regclass) returns void language plpgsql as $$
declare
  statistics text;
begin
  select string_agg(format('alter column %I set statistics %s', attname,
      case attname when 'payload' then 0 when 'occurred_at' then 30 else 10 end), ', ')
  into statistics from pg_attribute where attrelid = day and attnum > 0 and not attisdropped;
  execute format('alter table %s %s', day, statistics);
  execute format('alter table %s reset (autovacuum_vacuum_insert_scale_factor)', day);
  execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.05)',
    day);
end $$;

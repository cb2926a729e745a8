-- Drops a collection with its points, tombstones and aliases; returns whether it existed. Waits for writers in
-- progress.
create or replace function vectors.drop_collection(wanted text) returns boolean language plpgsql
set enable_seqscan = off as $$
declare
  gone int;
begin
  delete from vectors.collections where name = wanted returning id into gone;
  if gone is null then
    return false;
  end if;
  delete from vectors.points where collection_id = gone;
  return true;
end $$;

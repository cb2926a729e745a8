-- Protects the collection from deletion until the transaction ends; returns its dimension. Error WV001: the
-- collection does not exist.
create or replace function vectors.hold_collection(collection int) returns int language plpgsql as $$
declare
  found_dimension int;
begin
  select dimension into found_dimension from vectors.collections where id = collection for key share;
  if found_dimension is null then
    raise exception 'there is no collection %', collection using errcode = 'WV001';
  end if;
  return found_dimension;
end $$;

-- Moves aliases atomically: no reader sees one moved and another not. `targets`: alias -> collection.
-- Error WV001: the collection does not exist.
create or replace function vectors.switch_aliases(targets jsonb) returns void language plpgsql as $$
declare
  missing text;
begin
  select t.value into missing from jsonb_each_text(targets) t
  where not exists (select from vectors.collections c where c.name = t.value) limit 1;
  if found then
    raise exception 'there is no collection %', missing using errcode = 'WV001';
  end if;
  insert into vectors.aliases (alias, collection_id)
  select t.key, c.id from jsonb_each_text(targets) t join vectors.collections c on c.name = t.value
  order by t.key
  on conflict (alias) do update set collection_id = excluded.collection_id;
end $$;

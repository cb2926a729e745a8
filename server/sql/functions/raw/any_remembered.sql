-- Whether the previous generation of identities holds one of these. Ask only when it holds any:
-- `exists (select from raw.identities_before) and raw.any_remembered(...)`.
create or replace function raw.any_remembered(event_ids uuid[], service_ids int[]) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select exists (
    select from unnest(event_ids, service_ids) as s (event_id, service_id)
    cross join lateral (
      select from raw.identities_before as b
      where b.event_id = s.event_id and b.service_id = s.service_id
      offset 0
    ) as found);
$$;

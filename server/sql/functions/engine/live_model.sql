-- The model that answers queries now, and its file (docs/spark-contract.md); no row before the first model.
create or replace function engine.live_model() returns table (id text, kind text, dimension int, file_id uuid, bytes int)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select m.id, m.kind, m.dimension, m.file_id, m.file_bytes from vectors.models m where m.state = 'live' limit 1
$$;

grant execute on function engine.live_model to weir_spark;

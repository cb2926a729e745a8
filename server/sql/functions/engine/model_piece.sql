-- A piece of a model's file, the first one with place 0; null when the model was removed meanwhile.
create or replace function engine.model_piece(file uuid, place int) returns bytea language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select f.bytes from vectors.model_files f where f.file_id = file and f.place = model_piece.place
$$;

grant execute on function engine.model_piece to weir_spark;

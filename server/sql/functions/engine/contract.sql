-- The version of the contract with Spark (docs/spark-contract.md). A job of version 1, which
-- cannot rerun windows, still folds them: engine.begin_run accepts both.
create or replace function engine.contract() returns int language sql immutable as $$ select 2 $$;

grant execute on function engine.contract to weir_spark;

-- The version of the contract with Spark (docs/spark-contract.md). It changes when a job of the previous version would fail
-- or count wrongly.
create or replace function engine.contract() returns int language sql immutable as $$ select 1 $$;

grant execute on function engine.contract to weir_spark;

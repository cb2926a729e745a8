/** What the Spark job's login may do: what the contract needs (docs/spark-contract.md). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { withRole } from "../../adapters/postgres/location.ts";
import { openPool } from "../../adapters/postgres/pool.ts";

test("weir_spark stages and folds, and can neither read nor change anything else", async (t) => {
  const database = await createTestDatabase(t);
  const spark = openSpark(t, database);
  const functions = await database.owner.query<{ name: string }>({
    text: `select p.oid::regproc::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname !~ '^pg_|^information_schema$' and has_schema_privilege('weir_spark', n.oid, 'usage')
             and has_function_privilege('weir_spark', p.oid, 'execute') order by 1`,
  });
  assert.deepEqual(
    functions.map(({ name }) => name),
    [
      "engine.apply_rerun",
      "engine.begin_rerun",
      "engine.begin_run",
      "engine.contract",
      "engine.end_rerun",
      "engine.fold_batch",
      "engine.live_model",
      "engine.model_piece",
      "engine.report",
      "engine.rerun_work",
      "engine.stage_rerun",
    ],
  );
  const tables = await database.owner.query({
    text: `select c.oid::regclass::text as name, string_agg(lower(privilege), ' ' order by privilege) as privileges
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
           where c.relkind in ('r', 'p', 'v', 'f', 'm') and n.nspname !~ '^pg_|^information_schema$'
             and has_table_privilege('weir_spark', c.oid, privilege) group by 1 order by 1`,
  });
  assert.deepEqual(tables, [{ name: "engine.staged", privileges: "insert" }]);
  for (const text of ["create table public.mine (id int)", "create schema mine"]) {
    await assert.rejects(spark.query({ text }), { code: "42501" });
  }
});

test("tables that weir_spark creates under the names of the work tables are not used", async (t) => {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "select engine.use('spark', 'test')" });
  const spark = openSpark(t, database);
  const [run] = await spark.query<{ epoch: string }>({
    text: "select engine.begin_run(engine.contract(), 'test', 'test') as epoch",
  });
  const fold = {
    text: "select folded from engine.fold_batch($1, 'test', 0, '{}', '{}')",
    values: [run?.epoch],
  };
  assert.deepEqual(await spark.query(fold), [{ folded: 0 }]);
  await spark.query({ text: "create temporary table mine (id int)" });
  await assert.rejects(spark.query(fold), { code: "42501" });
});

function openSpark(t: { after(work: () => Promise<void>): void }, { urls }: TestDatabase) {
  const pool = openPool({
    url: withRole(urls.owner, "weir_spark"),
    applicationName: "spark of a test",
    max: 1,
  });
  t.after(() => pool[Symbol.asyncDispose]());
  return pool;
}

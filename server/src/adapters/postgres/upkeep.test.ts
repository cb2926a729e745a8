import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";

const day = "raw.events_20240115";

/** The tables that get or change a row with every event. */
const growing = [
  day,
  "raw.identities",
  "raw.identities_before",
  "vectors.points",
  "stream.products",
  "stream.users",
];

test("an analyze of a table that changes with every event reads a small sample", async (t) => {
  const { owner } = await createTestDatabase(t);
  await owner.query({ text: "select raw.ensure_partition(date '2024-01-15')" });
  // the largest statistics target decides, of columns and of index expressions
  const large = await owner.query({
    text: `select a.attrelid::regclass::text as relation, a.attname as column
           from pg_attribute a
           where a.attnum > 0 and not a.attisdropped and coalesce(a.attstattarget, 100) > 30
             and (a.attrelid = any ($1::regclass[])
               or exists (select from pg_index i where i.indexrelid = a.attrelid
                  and i.indrelid = any ($1::regclass[]) and i.indkey[a.attnum - 1] = 0))`,
    values: [growing],
  });
  assert.deepEqual(large, []);
});

test("vacuum does not read the log and the identities again because rows were added, also after a rotation of generations", async (t) => {
  const { owner } = await createTestDatabase(t);
  await owner.query({ text: "select raw.ensure_partition(date '2024-01-15')" });
  const vacuumed = () =>
    owner.query({
      text: `select c.oid::regclass::text as relation from pg_class c
             where c.oid = any ($1::regclass[])
               and 'autovacuum_vacuum_insert_threshold=-1' <> all (coalesce(c.reloptions, '{}'))`,
      values: [growing.filter((table) => table.startsWith("raw."))],
    });
  assert.deepEqual(await vacuumed(), []);
  const [turn] = await owner.query<{ turned: boolean }>({
    text: "select raw.rotate_identities(now() + interval '1 day') as turned",
  });
  assert.equal(turn?.turned, true);
  assert.deepEqual(await vacuumed(), []);
});

test("days of the log that already exist get the same upkeep as new ones", async (t) => {
  const { owner } = await createTestDatabase(t);
  await owner.query({
    text: `create table ${day} (like raw.events including defaults)
           with (autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05)`,
  });
  await owner.query({ text: "select raw.set_upkeep($1::regclass)", values: [day] });
  await owner.query({ text: "select raw.ensure_partition(date '2024-01-16')" });
  const rows = await owner.query<{ options: string[]; targets: string }>({
    text: `select array(select unnest(c.reloptions) order by 1) as options,
             (select string_agg(a.attname || ' ' || coalesce(a.attstattarget, -1), ', ' order by a.attnum)
              from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as targets
           from pg_class c where c.oid = any ($1::regclass[])`,
    values: [[day, "raw.events_20240116"]],
  });
  assert.equal(rows.length, 2);
  assert.deepEqual(rows[0], rows[1]);
  assert.match(rows[0]?.targets ?? "", /occurred_at 30.*payload 0/);
});

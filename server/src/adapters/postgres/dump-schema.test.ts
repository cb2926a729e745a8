import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { dumpSchema } from "./dump-schema.ts";

const file = new URL("../../../sql/schema.sql", import.meta.url);
const command = "WEIR_UPDATE_SCHEMA=1 node --test server/src/adapters/postgres/dump-schema.test.ts";

test("schema.sql is what the migrations create", async (t) => {
  const { owner } = await createTestDatabase(t);
  const dumped = await dumpSchema(owner);
  if (process.env["WEIR_UPDATE_SCHEMA"] !== undefined) await writeFile(file, dumped);
  const committed = await readFile(file, "utf8");
  assert.ok(committed === dumped, firstDifference(committed, dumped));
});

test("a day's partition does not show in the dump, a default for all days does", async (t) => {
  const { owner } = await createTestDatabase(t);
  const before = await dumpSchema(owner);
  await owner.query({ text: "select raw.ensure_partition(date '2024-01-15')" });
  assert.equal(await dumpSchema(owner), before);
  assert.match(
    before,
    /create table analytics\.facts_default partition of analytics\.facts default;/,
  );
});

test("every change of a table, an index, a trigger, a function or a right shows in the dump", async (t) => {
  const { owner } = await createTestDatabase(t);
  const changes = [
    "alter table auth.keys add column note text",
    "alter table auth.keys alter column note set default 'none'",
    "alter table auth.keys alter column note set not null",
    "alter table auth.keys add constraint short check (length(note) < 9)",
    "create index keys_note on auth.keys (note) where note <> ''",
    "create trigger noted after insert on auth.keys for each statement execute function auth.touch()",
    "alter table auth.keys alter column note set statistics 0",
    "create index keys_lower on auth.keys (lower(note))",
    "alter index auth.keys_lower alter column 1 set statistics 10",
    "alter table analytics.sessions set (fillfactor = 70)",
    "create view auth.notes as select note from auth.keys",
    "create function auth.zero() returns int language sql as 'select 0'",
    "revoke insert on auth.keys from weir_app",
    "grant execute on function auth.zero() to weir_ingest",
    "create type auth.mood as enum ('good', 'bad')",
    "create sequence auth.counter",
    "create domain auth.small as int check (value < 9)",
    "alter domain auth.small set not null",
    "alter default privileges grant execute on functions to public",
    "comment on column auth.keys.note is 'free text'",
    "comment on table auth.keys is 'secrets are hashed'",
  ];
  let before = await dumpSchema(owner);
  for (const change of changes) {
    await owner.query({ text: change });
    const after = await dumpSchema(owner);
    assert.ok(after !== before, change);
    before = after;
  }
});

test("an object kind that the dump does not support is refused, not left out", async (t) => {
  const { owner } = await createTestDatabase(t);
  await owner.query({ text: "create materialized view auth.snapshot as select 1 as one" });
  await assert.rejects(dumpSchema(owner), /does not support: m auth\.snapshot$/);
});

function firstDifference(committed: string, dumped: string): string {
  const was = committed.split("\n");
  const is = dumped.split("\n");
  const line = is.findIndex((text, i) => text !== was[i]);
  return (
    `server/sql/schema.sql differs from line ${line + 1} on.\n` +
    `committed: ${was[line]}\nmigrated:  ${is[line]}\nTo rewrite it: ${command}`
  );
}

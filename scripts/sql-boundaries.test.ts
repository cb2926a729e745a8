import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkSchemas } from "./boundaries/check-schemas.ts";
import type { DatabaseRoom } from "./boundaries/database-rooms.ts";
import { literalsOf } from "./boundaries/literals.ts";
import { accessesIn, readCatalog } from "./boundaries/sql-access.ts";

/** A check that reads nothing is green: so each kind of access is shown to it, refused and allowed. */
const catalog = readCatalog(`
create schema raw;
create schema shop;
create table raw.events (
create unlogged table shop.products (
create type shop.mood as enum ('good');
CREATE OR REPLACE FUNCTION raw.append(ids integer[])
CREATE OR REPLACE PROCEDURE shop.refill()
`);

const rooms: readonly DatabaseRoom[] = [
  { path: "server/src/parts/log", owns: ["raw"] },
  { path: "server/src/parts/shop", owns: ["shop"] },
  { path: "server/src/parts/visitor" },
];

function problemsOf(
  text: string,
  {
    visitor = {},
    path = "server/src/parts/visitor/deep/a.ts",
  }: {
    readonly visitor?: Omit<DatabaseRoom, "path">;
    readonly path?: string;
  } = {},
): readonly string[] {
  const all = rooms.map((room) => (room.path.endsWith("visitor") ? { ...room, ...visitor } : room));
  return checkSchemas([{ path, text }], catalog, all).problems;
}

/** `#{` in a source of these tests stands for the start of an expression in a template. */
const template = (source: string): string => source.replaceAll("#{", "$" + "{");

const statements: readonly (readonly [
  sql: string,
  list: "reads" | "writes" | "calls",
  entry: string,
])[] = [
  ["select 1 from raw.events", "reads", "raw"],
  ["select x from a, raw.events e", "reads", "raw"],
  ["select count(*) from raw.events_20240115", "reads", "raw"],
  ["select 'raw.events'::regclass", "reads", "raw"],
  ["select null::shop.mood", "reads", "shop"],
  ["insert into raw.events (id) select 1", "writes", "raw"],
  ["with gone as (delete from raw.events returning id) select 1", "writes", "raw"],
  ["update shop.products set id = 1", "writes", "shop"],
  ["merge into shop.products using x on true", "writes", "shop"],
  ["truncate shop.products", "writes", "shop"],
  ["drop table if exists raw.events", "writes", "raw"],
  ["select raw.append($1)", "calls", "raw.append"],
  ["call shop.refill()", "calls", "shop.refill"],
];

for (const [sql, list, entry] of statements) {
  test(`refused unless listed in ${list}: ${sql}`, () => {
    const source = `export const text = "${sql}";`;
    const [problem = "", ...more] = problemsOf(source);
    assert.match(problem, /^server\/src\/parts\/visitor\/deep\/a\.ts:1 (read|write|call)s /);
    assert.ok(problem.includes(`lists ${entry} in \`${list}\``), problem);
    assert.deepEqual(more, []);
    assert.deepEqual(problemsOf(source, { visitor: { [list]: { [entry]: "why" } } }), []);
    const owner = entry.startsWith("raw") ? "log" : "shop";
    assert.deepEqual(problemsOf(source, { path: `server/src/parts/${owner}/a.ts` }), []);
  });
}

test("an entry of another kind does not allow it, and one that nothing needs is refused", () => {
  const source = 'const text = "update shop.products set id = 1";';
  const [refused, unused] = problemsOf(source, { visitor: { reads: { shop: "why" } } });
  assert.match(refused ?? "", /writes shop\.products/);
  assert.match(unused ?? "", /visitor lists shop in `reads`, and none of its SQL needs it/);
});

test("templates are read whole, with expressions inside and table names filled in", () => {
  for (const source of [
    "q(`select #{columns.map((c) => `x.#{c}`)}\n from raw.events`)",
    "q(`select #{{ a: 1 }.a} from raw.#{table}`)",
    "const half = from / 2; const rest = `join raw.events e`",
    "if (/`/.test(x)) q(`select from raw.events`)",
    "q(`execute format('drop table raw.%I', name)`)",
  ]) {
    assert.equal(problemsOf(template(source)).length, 1, source);
  }
});

test("comments, permissions, settings and words that only look alike are no access", () => {
  for (const source of [
    "// reads raw.events\n/* update raw.events */ const a = 1;",
    "const text = `select 1 -- from raw.events\n /* raw.events */`;",
    'const permission = "raw.get.list", setting = "shop.limit", file = "./raw.events", x = "a.raw.events";',
    "const view = `raw.#{name}`;",
  ]) {
    assert.deepEqual(problemsOf(template(source)), [], source);
  }
});

test("a source whose literals cannot be read is an error, not an empty list", () => {
  assert.throws(() => literalsOf(template("const a = `select #{b")), /cannot read/);
  assert.throws(() => literalsOf("const a = 'never closed"), /cannot read/);
});

test("functions belong to the owner of their schema", () => {
  const text =
    "create or replace function shop.refill() as $$ begin delete from raw.events; end $$;";
  const path = "server/sql/functions/shop/refill.sql";
  const [problem] = problemsOf(text, { path });
  assert.match(problem ?? "", /refill\.sql:1 writes raw\.events: server\/src\/parts\/shop neither/);
  assert.deepEqual(problemsOf(text, { path: path.replace("/shop/", "/raw/") }).length, 1);
});

test("a file of no room may have no SQL, and every schema has one owner", () => {
  const text = 'q("select from raw.events")';
  const [uncovered] = problemsOf(text, { path: "server/src/commands/a.ts" });
  assert.match(uncovered ?? "", /no row of databaseRooms covers this file/);
  assert.match(
    problemsOf("", { visitor: { owns: ["raw"] } })[0] ?? "",
    /raw needs exactly one owner/,
  );
  assert.match(problemsOf("", { visitor: { owns: ["old"] } })[0] ?? "", /has no schema old/);
});

test("the catalog of Weir's own schema is read", () => {
  const file = join(import.meta.dirname, "../server/sql/schema.sql");
  const weir = readCatalog(readFileSync(file, "utf8"));
  assert.ok(weir.schemas.length > 8 && weir.relations.size > 45 && weir.functions.size > 70);
  assert.deepEqual(accessesIn("select raw.append() from etl.cursors", weir), [
    { kind: "call", schema: "raw", object: "raw.append" },
    { kind: "read", schema: "etl", object: "etl.cursors" },
  ]);
});

import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestDatabase, createTestFolder } from "../../../../testing/database.ts";
import { createOlderDatabase } from "../../../../testing/older-database.ts";
import { dumpSchema } from "./dump-schema.ts";
import { readFunctions } from "./functions.ts";
import { withDatabase, withRole } from "./location.ts";
import { type MigrateOptions, migrate, sqlFolder } from "./migrate.ts";
import { openPool } from "./pool.ts";

const schema = `
  create schema shop;
  grant usage on schema shop to weir_app;
  alter default privileges revoke execute on functions from public;
  alter default privileges in schema shop grant execute on functions to weir_app;`;

const twice = (factor: number): string =>
  `create or replace function shop.twice(n int) returns int language sql as $$ select ${factor} * n $$;\n`;

/** An empty database, and a folder of SQL files of its own with the schema `shop`. */
async function createShop(t: TestContext) {
  const { owner, urls, name } = await createTestDatabase(t);
  const shop = `${name}_shop`;
  await owner.query({ text: `create database ${shop} template template0` });
  const url = withDatabase(urls.owner, shop);
  const database = openPool({ url, applicationName: "shop owner", max: 1 });
  const app = openPool({ url: withRole(url, "weir_app"), applicationName: "shop app", max: 1 });
  t.after(async () => {
    await Promise.all([database.close(), app.close()]);
    await owner.query({ text: `drop database ${shop} with (force)` });
  });
  const folder = await createTestFolder(t);
  await mkdir(join(folder, "migrations"));
  await mkdir(join(folder, "functions", "shop"), { recursive: true });
  const write = (path: string, sql: string): Promise<void> => writeFile(join(folder, path), sql);
  await write("migrations/0001_shop.sql", schema);
  const run = async (options: Partial<MigrateOptions> = {}) =>
    (await migrate({ url, folder, ...options })).functions;
  const call = async (text: string): Promise<unknown> =>
    (await database.query<{ result: unknown }>({ text: `select ${text} as result` }))[0]?.result;
  const rights = async (signature: string): Promise<string[]> => {
    const rows = await database.query<{ grantee: string }>({
      text: `select coalesce(r.rolname, 'public') as grantee
             from pg_proc p cross join aclexplode(p.proacl) x left join pg_roles r on r.oid = x.grantee
             where p.oid = $1::regprocedure and x.grantee <> p.proowner order by 1`,
      values: [signature],
    });
    return rows.map(({ grantee }) => grantee);
  };
  return { folder, url, database, app, write, run, call, rights };
}

test("a new file is applied once, and again only after it changed", async (t) => {
  const { write, run, call } = await createShop(t);
  await write("functions/shop/twice.sql", twice(2));
  assert.deepEqual((await run()).applied, ["shop.twice"]);
  assert.equal(await call("shop.twice(21)"), 42);
  const appliedAt = "(select applied_at from public.weir_functions)::text";
  const first = await call(appliedAt);
  assert.deepEqual((await run()).applied, []);
  assert.equal(await call(appliedAt), first);
  await write("functions/shop/twice.sql", twice(3));
  assert.deepEqual((await run()).applied, ["shop.twice"]);
  assert.equal(await call("shop.twice(21)"), 63);
});

test("files may call each other in any order, in language sql too", async (t) => {
  const { write, run, call } = await createShop(t);
  await write(
    "functions/shop/a_caller.sql",
    "create or replace function shop.a_caller() returns int language sql as $$ select shop.twice(4) $$;",
  );
  await write("functions/shop/twice.sql", twice(2));
  assert.deepEqual((await run()).applied, ["shop.a_caller", "shop.twice"]);
  assert.equal(await call("shop.a_caller()"), 8);
});

test("an error names its file and line and leaves every function unchanged", async (t) => {
  const { write, run, call } = await createShop(t);
  await write("functions/shop/half.sql", halved("n / 2"));
  await write("functions/shop/twice.sql", twice(2));
  await run();
  await write("functions/shop/half.sql", halved("n / 3"));
  await write(
    "functions/shop/twice.sql",
    "-- Why.\ncreate or replace function shop.twice(n int) returns int language plpgsql as $$\nbegin\n  retrun 2 * n;\nend $$;\n",
  );
  await assert.rejects(run(), /functions\/shop\/twice\.sql failed \(line 4\): syntax error/);
  await write("functions/shop/twice.sql", twice(2).replace("* n", "* m"));
  await assert.rejects(run(), /functions\/shop\/twice\.sql failed \(line 1\): column "m" does not/);
  assert.equal(await call("shop.twice(21)"), 42);
  assert.equal(await call("shop.half(6)"), 3);
  await write("functions/shop/twice.sql", twice(5));
  assert.deepEqual((await run()).applied, ["shop.half", "shop.twice"]);
});

const halved = (what: string): string =>
  `create or replace function shop.half(n int) returns int language sql as $$ select ${what} $$;`;

test("a file that creates something else, or is in the wrong place, is refused", async (t) => {
  const { folder, write, run } = await createShop(t);
  for (const sql of [
    "create or replace function shop.other(n int) returns int language sql as $$ select 1 $$;",
    "create function shop.twice(n int) returns int language sql as $$ select 1 $$;",
    `${twice(2)}create table shop.hidden (id int);`,
    "select 1;",
  ]) {
    await write("functions/shop/twice.sql", sql);
    await assert.rejects(run(), /functions\/shop\/twice\.sql must hold "create or replace/, sql);
  }
  await rm(join(folder, "functions/shop/twice.sql"));
  await write("functions/twice.sql", twice(2));
  await assert.rejects(run(), /functions\/twice\.sql is not named like/);
});

test("rights are what the schema's defaults and the file say, regardless of earlier ones", async (t) => {
  const { write, run, database, rights, app } = await createShop(t);
  await write("functions/shop/twice.sql", twice(2));
  await run();
  assert.deepEqual(await rights("shop.twice(int)"), ["weir_app"]);
  const granted = `${twice(2)}grant execute on function shop.twice to weir_ingest;\n`;
  await write("functions/shop/twice.sql", granted);
  await run();
  assert.deepEqual(await rights("shop.twice(int)"), ["weir_app", "weir_ingest"]);
  await database.query({
    text: "grant execute on function shop.twice to public; revoke execute on function shop.twice from weir_app",
  });
  await write("functions/shop/twice.sql", twice(7));
  await run();
  assert.deepEqual(await rights("shop.twice(int)"), ["weir_app"]);
  assert.deepEqual(await app.query({ text: "select shop.twice(1) as result" }), [{ result: 7 }]);
});

test("a changed signature keeps the old one beside it until the file drops it", async (t) => {
  const { write, run, call, rights } = await createShop(t);
  const first = "grant execute on function shop.twice(int) to weir_ingest;\n";
  await write("functions/shop/twice.sql", twice(2) + first);
  await run();
  const second =
    "create or replace function shop.twice(n int, extra int) returns int language sql security definer\n" +
    "set search_path = pg_catalog, pg_temp as $$ select 2 * n + extra $$;\n" +
    "grant execute on function shop.twice(int, int) to weir_ingest;\n";
  await write("functions/shop/twice.sql", second + twice(2) + first);
  await run();
  assert.equal(await call("shop.twice(1)"), 2);
  assert.equal(await call("shop.twice(1, 1)"), 3);
  for (const signature of ["shop.twice(int)", "shop.twice(int,int)"]) {
    assert.deepEqual(await rights(signature), ["weir_app", "weir_ingest"]);
  }
  await write("functions/shop/twice.sql", `drop function if exists shop.twice(int);\n${second}`);
  await run();
  assert.equal(await call("to_regprocedure('shop.twice(int)')"), null);
  assert.deepEqual(await rights("shop.twice(int,int)"), ["weir_app", "weir_ingest"]);
});

test("a function without a file is reported and kept until a migration drops it", async (t) => {
  const { folder, write, run, call } = await createShop(t);
  await write("functions/shop/half.sql", halved("n / 2"));
  await write("functions/shop/twice.sql", twice(2));
  await run();
  await rm(join(folder, "functions/shop/half.sql"));
  const messages: string[] = [];
  const log = (message: string): number => messages.push(message);
  assert.deepEqual(await run({ log }), { applied: [], orphaned: ["shop.half"] });
  assert.match(messages.join("\n"), /shop\.half has no file any more/);
  assert.equal(await call("shop.half(6)"), 3);
  await write("migrations/0002_no_half.sql", "drop function shop.half;");
  assert.deepEqual(await run(), { applied: [], orphaned: [] });
  assert.equal(await call("(select count(*)::int from public.weir_functions)"), 1);
});

test("a function that a migration dropped is created again by its unchanged file", async (t) => {
  const { write, run, call } = await createShop(t);
  await write("functions/shop/twice.sql", twice(2));
  await run();
  await write("migrations/0002_drop.sql", "drop function shop.twice;");
  assert.deepEqual((await run()).applied, ["shop.twice"]);
  assert.equal(await call("shop.twice(1)"), 2);
});

test("an older version does not replace the functions of a newer one", async (t) => {
  const { write, run, call } = await createShop(t);
  await write("functions/shop/half.sql", halved("n / 2"));
  await write("functions/shop/twice.sql", twice(2));
  await run({ version: "0.10.0" });
  assert.deepEqual((await run({ version: "0.9.1" })).applied, [], "the same text does no harm");
  await write("functions/shop/twice.sql", twice(1));
  await assert.rejects(
    run({ version: "0.9.1" }),
    /shop\.twice .* Weir 0\.10\.0: .* newer than this/,
  );
  assert.equal(await call("shop.twice(1)"), 2);
  assert.deepEqual((await run({ version: "0.10.0" })).applied, ["shop.twice"]);
});

test("eight callers at once apply every file once", async (t) => {
  const { write, run } = await createShop(t);
  await write("functions/shop/half.sql", halved("n / 2"));
  await write("functions/shop/twice.sql", twice(2));
  const results = await Promise.all(Array.from({ length: 8 }, () => run()));
  const applied = results.flatMap((result) => result.applied);
  assert.deepEqual(applied, ["shop.half", "shop.twice"]);
});

test("Weir's files restore every function with its rights", async (t) => {
  const { owner, urls } = await createTestDatabase(t);
  const before = await dumpSchema(owner);
  const files = await readFunctions(join(sqlFolder, "functions"));
  const [row] = await owner.query<{ statements: string; count: number }>({
    text: `select string_agg(format('drop routine %s', p.oid::regprocedure), '; ') as statements,
             count(*)::int as count
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname || '.' || p.proname = any ($1)
             and not exists (select from pg_trigger g where g.tgfoid = p.oid)`,
    values: [files.map(({ name }) => name)],
  });
  assert.ok((row?.count ?? 0) > 60, `only ${row?.count} functions dropped`);
  await owner.query({ text: row?.statements ?? "" });
  assert.notEqual(await dumpSchema(owner), before);
  await migrate({ url: urls.owner });
  assert.equal(await dumpSchema(owner), before);
});

test("every function of Weir's schemas has a file", async (t) => {
  const { owner } = await createTestDatabase(t);
  const files = await readFunctions(join(sqlFolder, "functions"));
  const without = await owner.query({
    text: `select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
             and n.nspname || '.' || p.proname <> all ($1)`,
    values: [files.map(({ name }) => name)],
  });
  assert.deepEqual(without, []);
});

test("a database of the previous version gets the schema of a new one, and keeps its data", async (t) => {
  const { owner } = await createTestDatabase(t);
  const { url, database } = await createOlderDatabase(t, "0027");
  await database.query({ text: "select raw.prepare_days(1)" });
  await send(database, 3);
  const { migrations, functions } = await migrate({ url });
  assert.ok(functions.applied.length > 60, `only ${functions.applied.length} functions`);
  assert.equal(await dumpSchema(database), await dumpSchema(owner), `after ${migrations.join()}`);
  await send(database, 2);
  const [row] = await database.query<{ events: number; users: number }>({
    text: "select events::int, users from analytics.window_totals where size = 3",
  });
  assert.deepEqual(row, { events: 5, users: 3 });
});

/** Appends one event per user and folds them into the windows. */
async function send(database: ReturnType<typeof openPool>, users: number): Promise<void> {
  await database.query({
    text: `select raw.append(array_agg(1), array_agg(0::smallint), array_agg(gen_random_uuid()),
             array_agg(1::bigint), array_agg(timestamptz '2024-01-15 10:30:00+00'), array_agg('user' || n),
             array_agg(null::text), array_agg(null::numeric), array_agg(null::text), array_agg('page.view'::text),
             array_agg(null::text), array_agg(null::json), array_agg('{}'::text))
           from generate_series(1, $1::int) n`,
    values: [users],
  });
  await database.query({
    text: "select etl.step(coalesce(epoch, 0), 100) from etl.cursors where reader = 'windows'",
  });
}

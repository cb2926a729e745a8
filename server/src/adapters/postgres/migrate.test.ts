import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  createTestDatabase,
  createTestFolder,
  startTestServer,
} from "../../../../testing/database.ts";
import { withDatabase } from "./location.ts";
import { migrate } from "./migrate.ts";

/** An empty database and a folder of migrations of its own. */
async function emptyDatabase(t: TestContext) {
  const { owner, urls, name } = await createTestDatabase(t);
  const empty = `${name}_empty`;
  await owner.query({ text: `create database ${empty} template template0` });
  t.after(async () => {
    await owner.query({ text: `drop database ${empty} with (force)` });
  });
  const folder = await createTestFolder(t);
  await mkdir(join(folder, "migrations"));
  const write = (file: string, sql: string): Promise<void> =>
    writeFile(join(folder, "migrations", file), sql);
  const url = withDatabase(urls.owner, empty);
  return { url, write, run: async () => (await migrate({ url, folder })).migrations };
}

test("missing migrations are applied in the order of their numbers, gaps and later ones included", async (t) => {
  const { run, write } = await emptyDatabase(t);
  await write("0001_shop.sql", "create schema shop;");
  await write(
    "0007_late.sql",
    "create table shop.late (id int); insert into shop.late values (1);",
  );
  assert.deepEqual(await run(), ["0001_shop.sql", "0007_late.sql"]);
  assert.deepEqual(await run(), []);
  await write("0005_between.sql", "alter table shop.late add column name text;");
  assert.deepEqual(await run(), ["0005_between.sql"]);
});

test("a file that was changed after it was applied is refused by name", async (t) => {
  const { run, write } = await emptyDatabase(t);
  await write("0001_shop.sql", "create schema shop;");
  await run();
  await write("0001_shop.sql", "create schema shops;");
  await assert.rejects(run(), /0001_shop\.sql was changed after it was applied/);
});

test("a database that is newer than the program is refused", async (t) => {
  const { run, write, url } = await emptyDatabase(t);
  await write("0001_shop.sql", "create schema shop;");
  await run();
  const folder = await createTestFolder(t);
  await mkdir(join(folder, "migrations"));
  await assert.rejects(migrate({ url, folder }), /newer than this Weir/);
});

test("a migration that fails leaves nothing behind, names its line, and can be fixed", async (t) => {
  const { run, write } = await emptyDatabase(t);
  await write(
    "0001_shop.sql",
    "create schema shop;\ncreate table shop.a (id int);\nselect nonsense;\n",
  );
  await assert.rejects(run(), /0001_shop\.sql failed \(line 3\): column "nonsense" does not exist/);
  await write("0001_shop.sql", "create schema shop;");
  assert.deepEqual(await run(), ["0001_shop.sql"]);
});

test("two files with one number, or a malformed name, are refused before anything is applied", async (t) => {
  const { run, write } = await emptyDatabase(t);
  await write("0001_a.sql", "create schema a;");
  await write("0001_b.sql", "create schema b;");
  await assert.rejects(run(), /Two migrations have the number 0001/);
  await write("2_c.sql", "create schema c;");
  await assert.rejects(run(), /2_c\.sql|Two migrations/);
});

test("eight callers at once apply every migration once", async (t) => {
  const { run, write } = await emptyDatabase(t);
  await write("0001_shop.sql", "create schema shop; create table shop.a (id int);");
  await write("0002_more.sql", "insert into shop.a values (1);");
  const applied = await Promise.all(Array.from({ length: 8 }, run));
  assert.deepEqual(applied.flat(), ["0001_shop.sql", "0002_more.sql"]);
});

test("it waits for a server that is still starting, up to a limit", async (t) => {
  const server = await startTestServer(t, { durable: false });
  await server.stop();
  await assert.rejects(migrate({ url: server.urls.owner, waitMs: 100 }), /cannot be reached/);
  const waiting = migrate({ url: server.urls.owner, waitMs: 30_000 });
  await server.restart();
  assert.deepEqual((await waiting).migrations, []);
});

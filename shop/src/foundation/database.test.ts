import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { createShopDatabases, queryShop } from "../../test/helpers/databases.ts";
import { openDatabase } from "./database.ts";
import { DatabaseUnavailableError } from "./database-failures.ts";
import { createLogger } from "./logger.ts";
import { migrate } from "./migrate.ts";

const logger = createLogger("test", "silent");
const { signal } = new AbortController();

test("a transaction commits as a whole or not at all, and its connection is used again", async (t) => {
  const { products } = await createShopDatabases(t, ["products"]);
  await using database = openDatabase({
    url: products,
    applicationName: "test",
    logger,
    connections: 1,
  });
  await database.query("create table a (id int primary key)");
  await database.transaction((connection) => connection.query("insert into a values (1)"));
  const failing = database.transaction(async (connection) => {
    await connection.query("insert into a values (2)");
    throw new Error("of the caller");
  });
  await assert.rejects(failing, /of the caller/);
  const duplicate = database.transaction(async (connection) => {
    await connection.query("insert into a values (3)");
    await connection.query("insert into a values (1)");
  });
  await assert.rejects(duplicate, /duplicate key/);
  assert.deepEqual(await database.query("select id from a"), [{ id: 1 }]);
});

test("a statement that exceeds its limit is the database's failure, and the pool continues", async (t) => {
  const { products } = await createShopDatabases(t, ["products"]);
  await using database = openDatabase({
    url: products,
    applicationName: "test",
    logger,
    statementTimeoutMs: 50,
    connections: 1,
  });
  await assert.rejects(database.query("select pg_sleep(600)"), DatabaseUnavailableError);
  // a machine that is busy needs more than one try within this limit
  await until(
    () =>
      database.query("select 1").then(
        () => true,
        () => false,
      ),
    {
      what: "the pool to work again",
    },
  );
});

test("a start that waits for its database ends with its signal", async () => {
  const stop = new AbortController();
  const url = "postgresql://shop@127.0.0.1:1/shop";
  const folder = join(import.meta.dirname, "../../sql/products");
  const waiting = migrate({ url, folder, logger, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting);
});

test("migrations are applied once by several processes, and a changed one is refused", async (t) => {
  const { products } = await createShopDatabases(t, ["products"]);
  const folder = await sqlFiles(t, {
    "0001_a.sql": "create table a (id int)",
    "0002_b.sql": "insert into a values (1)",
  });
  const options = { url: products, folder, logger, signal };
  const applied = await Promise.all([migrate(options), migrate(options), migrate(options)]);
  assert.deepEqual(applied.flat().sort(), ["0001_a.sql", "0002_b.sql"]);
  assert.deepEqual(await queryShop(products, "select id from a"), [{ id: 1 }]);

  await writeFile(join(folder, "0003_c.sql"), "insert into a values (2); select 1 / 0");
  await assert.rejects(migrate(options), /0003_c.sql failed: division by zero/);
  assert.deepEqual(await queryShop(products, "select id from a"), [{ id: 1 }]);

  await writeFile(join(folder, "0001_a.sql"), "create table a (id bigint)");
  await assert.rejects(migrate(options), /0001_a.sql has changed/);
});

test("the role of one service cannot connect to the database of another", async (t) => {
  const urls = await createShopDatabases(t, ["products", "orders", "notifications", "bus"]);
  for (const [name, own] of Object.entries(urls)) {
    await queryShop(own, "select 1");
    for (const [other, theirs] of Object.entries(urls)) {
      if (other === name) continue;
      const url = new URL(theirs);
      url.username = `shop_${name}`;
      await assert.rejects(queryShop(url.href, "select 1"), { code: "42501" });
    }
  }
  // control: only the missing privilege kept them out
  const { pathname } = new URL(urls.products);
  await queryShop(urls.products, `grant connect on database ${pathname.slice(1)} to public`);
  const asOrders = new URL(urls.products);
  asOrders.username = "shop_orders";
  assert.deepEqual(await queryShop(asOrders.href, "select 1 as one"), [{ one: 1 }]);
});

async function sqlFiles(
  t: Parameters<typeof createTestFolder>[0],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = join(await createTestFolder(t), "sql");
  await mkdir(folder);
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql);
  return folder;
}

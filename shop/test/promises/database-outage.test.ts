/** A product service whose PostgreSQL is killed: it says so, continues by itself, and starts before its database. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { startTestServer } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { callProducts, product, productEnvironment } from "../helpers/products.ts";
import { startShopProcess } from "../helpers/services.ts";

test("a service survives the death of its database, and one that starts meanwhile waits for it", async (t) => {
  const server = await startTestServer(t, { durable: false });
  const options = { names: ["products"], environment: productEnvironment(server.urls.owner) };
  const first = await startShopProcess(t, options);
  const shop = callProducts(first.urls["products"] ?? "");
  await shop.admin("POST", "/products", product("A"));
  await shop.admin("POST", "/products", product("B"));
  await shop.get("/products/A");
  await until(async () => (await shop.get("/health/ready")).status === 200, {
    what: "it to be ready",
  });

  await server.kill9();
  // its children may live a moment longer; the list is never cached
  const down = await until(
    async () => {
      const answer = await shop.get("/products");
      return answer.status === 503 ? answer : undefined;
    },
    { what: "the outage to be reported" },
  );
  assert.equal(down.body.code, "database_unavailable");
  assert.equal(down.headers.get("retry-after"), "1");
  const isDown = async (work: () => Promise<{ readonly status: number }>): Promise<boolean> =>
    (await work()).status === 503;
  await until(() => isDown(() => shop.reserve(randomUUID(), { A: 1 })), {
    what: "reservations to be refused",
  });
  await until(() => isDown(() => shop.get("/health/ready")), { what: "it not to be ready" });
  assert.equal((await shop.get("/health/ready")).body.checks.database.ok, false);
  assert.equal((await shop.get("/health/live")).status, 200);
  // what the cache has is still shown
  const cached = await shop.get("/products/A");
  assert.deepEqual([cached.status, cached.headers.get("x-cache")], [200, "hit"]);

  const second = startShopProcess(t, options);
  await server.restart();
  const other = callProducts((await second).urls["products"] ?? "");
  assert.equal((await other.get("/products/B")).status, 200);
  await until(async () => (await shop.get("/products")).status === 200, {
    what: "the first service to work again",
  });
  const order = randomUUID();
  await until(async () => (await shop.reserve(order, { B: 1 })).status === 201, {
    what: "reservations to work again",
  });
  assert.equal(await first.stop(), 0);
});

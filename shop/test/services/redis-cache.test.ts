/** The cache in a real Redis: conformance, and a product service whose Redis is killed, emptied and frozen. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { createClient } from "@redis/client";
import { startRedis } from "../../../testing/servers/redis.ts";
import { requireServers } from "../../../testing/servers/required-servers.ts";
import { until } from "../../../testing/until.ts";
import { RedisCache } from "../../src/cache/redis-cache.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { cacheConformance } from "../helpers/cache-conformance.ts";
import { createShopDatabases } from "../helpers/databases.ts";
import { callProducts, product, productEnvironment } from "../helpers/products.ts";
import { startShopProcess } from "../helpers/services.ts";

const needed = await requireServers("redis");
const logger = createLogger("test", "silent");

cacheConformance(
  "redis",
  async (t) => {
    const { url } = await startRedis(t);
    const cache = new RedisCache({ url, prefix: "test:", logger, random: Math.random });
    await until(
      () =>
        cache.check().then(
          () => true,
          () => false,
        ),
      { what: "Redis" },
    );
    return cache;
  },
  needed,
);

test("two services share a cache: a change at one is seen at the other", needed, async (t) => {
  const redis = await startRedis(t);
  const { products } = await createShopDatabases(t, ["products"]);
  const environment = {
    ...productEnvironment(products),
    SHOP_REDIS_URL: redis.url,
    SHOP_REDIS_TIMEOUT_MS: "5000",
  };
  const start = () => startShopProcess(t, { names: ["products"], environment });
  const services = await Promise.all([start(), start()]);
  const [one, other] = services.map(({ urls }) => callProducts(urls["products"] ?? ""));
  assert.ok(one !== undefined && other !== undefined);
  await one.admin("POST", "/products", product("A"));
  await until(async () => (await other.get("/products/A")).headers.get("x-cache") === "hit", {
    what: "the other to use the cache",
  });
  await one.admin("PATCH", "/products/A", { price: "4.00" });
  await until(async () => (await other.get("/products/A")).body.price === "4.00", {
    what: "the change to be seen, an hour before the entry ends",
  });
  await until(async () => (await one.get("/products/A")).headers.get("x-cache") === "hit", {
    what: "what one stored to be used by the other",
  });
});

test(
  "Redis killed, emptied, frozen: details stay right, and no reservation has a wrong price",
  needed,
  async (t) => {
    const redis = await startRedis(t);
    const { products } = await createShopDatabases(t, ["products"]);
    const { urls } = await startShopProcess(t, {
      names: ["products"],
      environment: { ...productEnvironment(products), SHOP_REDIS_URL: redis.url },
    });
    const shop = callProducts(urls["products"] ?? "");
    let cents = 100;
    await shop.admin("POST", "/products", product("A", { price: "1.00", stock: 1_000 }));

    /** Changes the price and compares what readers and orders get, with Redis as it is now. */
    const changeAndCheck = async (): Promise<void> => {
      cents += 1;
      const price = (cents / 100).toFixed(2);
      assert.equal((await shop.admin("PATCH", "/products/A", { price })).status, 200);
      assert.equal((await shop.get("/products/A")).body.price, price);
      const reserved = await shop.reserve(randomUUID(), { A: 1 });
      assert.equal(reserved.body.items[0].price, price);
    };
    const outcome = async (): Promise<string | null> =>
      (await shop.get("/products/A")).headers.get("x-cache");
    const cacheIsUsed = () =>
      until(async () => (await outcome()) === "hit", { what: "the cache to be used" });
    const cacheIsNotUsed = () =>
      until(async () => (await outcome()) === "bypass", { what: "the cache to be bypassed" });

    await cacheIsUsed();
    for (let count = 0; count < 5; count += 1) await changeAndCheck();

    await redis.kill();
    for (let count = 0; count < 5; count += 1) await changeAndCheck();
    await cacheIsNotUsed();
    await until(
      async () => {
        const { status, body } = await shop.get("/health/ready");
        return status === 200 && !body.checks.cache.ok;
      },
      { what: "it to be ready without the cache" },
    );
    await redis.start();
    await cacheIsUsed();
    await changeAndCheck();
    await cacheIsUsed();

    redis.freeze();
    for (let count = 0; count < 5; count += 1) await changeAndCheck();
    await cacheIsNotUsed();
    redis.continue();
    // it still has the previous entry: the invalidations have to arrive first
    await until(
      async () => {
        const { headers, body } = await shop.get("/products/A");
        assert.equal(body.price, (cents / 100).toFixed(2));
        return headers.get("x-cache") === "hit";
      },
      { what: "the cache to be used again" },
    );

    // emptied while it runs, and by a restart
    const client = createClient({ url: redis.url });
    await client.connect();
    for (let count = 0; count < 5; count += 1) {
      await client.sendCommand(["FLUSHALL"]);
      await changeAndCheck();
    }
    client.destroy();
    await redis.wipe();
    for (let count = 0; count < 5; count += 1) await changeAndCheck();
    await cacheIsUsed();
    await changeAndCheck();
  },
);

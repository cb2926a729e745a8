import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { shopProcesses } from "../../compose/shop.ts";
import { loadConfig } from "../../config/load.ts";
import type { Flag } from "../../config/sources.ts";
import { shopEnvironment } from "./environment.ts";
import { wantsShop } from "./services.ts";

const ownerUrl = "postgresql://weir@localhost:5432/weir?host=%2Fsocket";

async function load(t: TestContext, values: Readonly<Record<string, unknown>>) {
  const cwd = await createTestFolder(t);
  const flags = Object.entries(values).map(([name, value]): [string, Flag] => [
    name,
    { flag: `--${name}`, value },
  ]);
  return loadConfig({ env: {}, cwd, flags: Object.fromEntries(flags) });
}

test("with a process for each service, each gets its own secrets and no other's", async (t) => {
  const config = await load(t, { "shop.enabled": true, "shop.processes": "each" });
  const secrets = Object.fromEntries(
    shopProcesses(config).map(({ name, services }) => {
      const environment = shopEnvironment({ config, ownerUrl, weirUrl: "http://weir" }, services);
      assert.deepEqual(
        Object.keys(environment).filter((variable) => variable.startsWith("WEIR_")),
        [],
      );
      const files = Object.keys(environment).filter((name) => /^SHOP_.*_FILE$/.test(name));
      return [
        name,
        files
          .map((file) => file.replace(/^SHOP_|_FILE$/g, ""))
          .sort()
          .join(" "),
      ];
    }),
  );
  assert.deepEqual(secrets, {
    "shop-products": "PRODUCTS_DATABASE_URL TOKEN_ADMIN TOKEN_ORDERS WEIR_KEY_PRODUCTS",
    "shop-orders":
      "ORDERS_DATABASE_URL ORDERS__BUS_DATABASE_URL TOKEN_NOTIFICATIONS TOKEN_ORDERS TOKEN_STOREFRONT WEIR_KEY_ORDERS",
    "shop-notifications":
      "BUS_OWNER_URL NOTIFICATIONS_DATABASE_URL NOTIFICATIONS__BUS_DATABASE_URL TOKEN_ADMIN TOKEN_NOTIFICATIONS TOKEN_STOREFRONT WEIR_KEY_NOTIFICATIONS",
    "shop-storefront": "STOREFRONT_SECRET TOKEN_STOREFRONT WEIR_KEY_BROWSER WEIR_KEY_STOREFRONT",
    "shop-traffic": "TOKEN_STOREFRONT",
  });
});

test("RabbitMQ and Redis replace the database of the bus and the cache in memory", async (t) => {
  const config = await load(t, {
    "shop.enabled": true,
    "shop.rabbitmq_url": "amqp://u:p@127.0.0.1:5672",
    "shop.redis_url": "redis://127.0.0.1:6379",
  });
  const [all] = shopProcesses(config);
  assert.ok(all !== undefined && !all.services.includes("bus"));
  const environment = shopEnvironment({ config, ownerUrl, weirUrl: "http://weir" }, all.services);
  const file = environment["SHOP_RABBITMQ_URL_FILE"] ?? "";
  assert.equal(readFileSync(file, "utf8").trim(), "amqp://u:p@127.0.0.1:5672");
  assert.ok("SHOP_REDIS_URL_FILE" in environment);
  assert.ok(!Object.keys(environment).some((variable) => variable.includes("BUS_")));
});

test("npm start includes the shop unless something speaks against it", async (t) => {
  const env = { WEIR_INTERNAL_SHOP: "default" };
  const wants = async (values: Readonly<Record<string, unknown>>, variables: object = env) =>
    wantsShop(
      {
        config: await load(t, values),
        originOf: (path) => (path in values ? "a flag" : undefined),
      },
      { ...variables },
    );
  assert.equal(await wants({}), true);
  assert.equal(await wants({}, {}), false, "weir up");
  assert.equal(await wants({ "shop.enabled": false }), false);
  assert.equal(await wants({ "demo.enabled": false }), false);
  assert.equal(await wants({ env: "production" }), false);
  assert.equal(await wants({ "database.url": "postgresql://a@b/c" }), false);
});

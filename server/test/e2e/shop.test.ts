/**
 * `weir up --shop` as a user runs it: the shop is there, its purchases reach the analytics, its credentials open nothing else,
 * it comes back when it is killed, and it ends with Weir.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { withDatabase } from "../../src/adapters/postgres/location.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { DatabaseError } from "../../src/core/ports/database.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import { untilNoProcess } from "../helpers/npm-start.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

/** Each visit buys, and hurries. */
const busy = {
  WEIR_SHOP_TRAFFIC_RATE: "2",
  WEIR_SHOP_TRAFFIC_PACE: "0.003",
  WEIR_SHOP_TRAFFIC_BUYERS: "1",
  // sign-ins of one address are limited, and enough
  WEIR_SHOP_TRAFFIC_SEED: "3",
};
/** For a start of five services, or what a whole visit leads to. */
const waitMs = Math.max(120_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0));

function up(t: TestContext, dataDir: string): Promise<RunningWeir> {
  const flags = ["--no-demo", "--shop", "--shop-port", "0"];
  return startWeir(t, { dataDir, arguments: flags, environment: busy });
}

async function get(weir: RunningWeir, path: string): Promise<unknown> {
  const response = await fetch(`${weir.run.url}${path}`, {
    headers: { "x-api-key": weir.adminKey },
    signal: AbortSignal.timeout(10_000),
  });
  return response.json();
}

interface Health {
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

async function untilShopIsReady(weir: RunningWeir): Promise<void> {
  let last = "";
  await until(
    async () => {
      const { shop } = ((await get(weir, "/health")) as Health).checks;
      last = JSON.stringify(shop);
      return shop?.status === "ok";
    },
    {
      what: () => `the shop to be ready: ${last}\n${logOf(weir)}`,
      timeoutMs: waitMs,
      everyMs: 200,
    },
  );
}

function logOf({ dataDir }: RunningWeir): string {
  const lines = readFileSync(join(dataDir, "logs", "weir.log"), "utf8").split("\n");
  return lines.slice(-40).join("\n");
}

async function untilEvent(
  weir: RunningWeir,
  type: string,
): Promise<Readonly<Record<string, unknown>>> {
  return until(
    async () => {
      const { events } = (await get(weir, `/api/events/?event_type=${type}&limit=1`)) as {
        readonly events: Readonly<Record<string, unknown>>[];
      };
      return events[0];
    },
    { what: () => `an event ${type}:\n${logOf(weir)}`, timeoutMs: waitMs, everyMs: 200 },
  );
}

test("weir up --shop runs a shop whose purchases reach the analytics, and both end together", async (t) => {
  const dataDir = await createTestFolder(t);
  const weir = await up(t, dataDir);
  await untilShopIsReady(weir);
  const shopUrl = weir.run.shop_url ?? assert.fail("run.json has the shop's address");
  assert.match(weir.output(), new RegExp(`Shop +${shopUrl}`));
  assert.match(await (await fetch(shopUrl)).text(), /<!doctype html>/);

  await t.test("a shopper's purchase reaches Weir's analytics", async () => {
    const purchase = await untilEvent(weir, "purchase");
    assert.equal(purchase["source"], "shop-orders");
    assert.equal((await untilEvent(weir, "cart.add"))["source"], "shop-browser");
    await untilEvent(weir, "identify");
    await until(
      async () => JSON.stringify(await get(weir, "/api/analytics/revenue")).includes("GBP"),
      {
        ...{ what: "revenue in the windows", timeoutMs: waitMs, everyMs: 200 },
      },
    );
  });

  await t.test("each service's login opens its own database and no other", () => tryLogins(weir));

  await t.test(
    "the key in the pages may send from the shop's origin, and read nothing",
    async () => {
      const page = await (await fetch(shopUrl)).text();
      const [, key = ""] = /"key":"(weir_[^"]+)"/.exec(page) ?? [];
      const origin = new URL(shopUrl).origin;
      const sent = await fetch(`${weir.run.url}/api/events/batch`, {
        method: "POST",
        headers: { "x-api-key": key, "content-type": "application/json", origin },
        body: JSON.stringify([{ event_type: "page.view" }]),
      });
      assert.deepEqual(
        [sent.status, sent.headers.get("access-control-allow-origin")],
        [202, origin],
      );
      const read = await fetch(`${weir.run.url}/api/events/`, { headers: { "x-api-key": key } });
      assert.equal(read.status, 403);
      const elsewhere = await fetch(`${weir.run.url}/health/live`, {
        headers: { origin: "http://example.org" },
      });
      assert.equal(elsewhere.headers.get("access-control-allow-origin"), null);
    },
  );

  await t.test("a killed shop comes back at the same address", async () => {
    const before = readRunFile(dataDir)?.pids["shop"] ?? 0;
    process.kill(before, "SIGKILL");
    await until(
      () => {
        const now = readRunFile(dataDir)?.pids["shop"];
        return now !== undefined && now !== before;
      },
      { what: () => `another process of the shop:\n${logOf(weir)}`, timeoutMs: waitMs },
    );
    await untilShopIsReady(weir);
    assert.equal((await fetch(shopUrl)).status, 200);
  });

  assert.equal(await weir.stop(), 0);
  await untilNoProcess(dataDir, waitMs);

  const second = await up(t, dataDir);
  await untilShopIsReady(second);
  await second.stop();
  await untilNoProcess(dataDir, waitMs);
});

/** With the addresses that the services get, in the files that they read. */
async function tryLogins(weir: RunningWeir): Promise<void> {
  const folder = join(weir.dataDir, "shop");
  const files = readdirSync(folder).filter((name) => /(database|owner)-url\.secret$/.test(name));
  assert.equal(files.length, 6);
  for (const file of files) {
    const path = join(folder, file);
    assert.equal(statSync(path).mode & 0o777, 0o600, file);
    const url = readFileSync(path, "utf8").trim();
    const own = new URL(url).pathname.slice(1);
    const guest = /^(orders|notifications)-/.test(file) ? ["shop_bus"] : [];
    const role = new URL(url).username;
    for (const name of [
      "shop_products",
      "shop_orders",
      "shop_notifications",
      "shop_bus",
      "weir",
      "postgres",
    ]) {
      const allowed = name === own || name === role || guest.includes(name);
      assert.equal(
        await refusal(withDatabase(url, name)),
        allowed ? undefined : "42501",
        `${role} -> ${name}`,
      );
    }
    const guess = new URL(url);
    guess.password = "a-guess";
    assert.equal(await refusal(guess.href), "28P01", `${role} with a wrong password`);
  }
}

async function refusal(url: string): Promise<string | undefined> {
  await using pool = openPool({ url, applicationName: "test", max: 1 });
  try {
    await pool.query({ text: "select" });
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError) return error.code;
    throw error;
  }
}

/**
 * Promise: while the vector store is down nothing is lost, counted twice or slowed down; what waited in
 * PostgreSQL is in the store when it is back. Whole processes, Qdrant's engine, a closed loop of senders
 * whose own books say what every point must be. `WEIR_TEST_STORE_DOWN_SECONDS` (60 in the full run) is
 * how long it is down, and how long the load is measured before and after.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createTestFolder } from "../../../testing/database.ts";
import { type QdrantShim, startQdrantShim } from "../../../testing/qdrant-shim.ts";
import { until } from "../../../testing/until.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import { createQdrantStore } from "../../src/adapters/vectors/qdrant/store.ts";
import { readLag } from "../../src/adapters/vectors/sync/lag.ts";
import type { VectorStore } from "../../src/core/ports/vector-store.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";
import {
  type Books,
  expectedPayloads,
  openShop,
  type Pace,
  paceBetween,
  type Shop,
} from "./shop-load.ts";

const isFullRun = process.env["WEIR_TEST_STORE_DOWN_SECONDS"] !== undefined;
const downSeconds = Number(process.env["WEIR_TEST_STORE_DOWN_SECONDS"] ?? 6);
const slowMs = 120_000;

interface Stage {
  readonly shim: QdrantShim;
  readonly weir: RunningWeir;
  readonly store: VectorStore;
  readonly database: Pool;
}

async function prepare(t: TestContext, main?: string): Promise<Stage> {
  const shim = await startQdrantShim(t);
  const weir = await startWeir(t, {
    dataDir: await createTestFolder(t),
    environment: {
      WEIR_VECTORS_DRIVER: "qdrant",
      WEIR_VECTORS_QDRANT_URL: shim.url,
      // a frozen store is noticed in seconds instead of a minute
      WEIR_RESILIENCE_GUARDS_VECTOR_STORE_TIMEOUT_MS: "1500",
      WEIR_RESILIENCE_GUARDS_VECTOR_STORE_BREAKER_OPEN_MS: "2000",
    },
    ...(main === undefined ? {} : { main }),
  });
  const store = createQdrantStore({ url: shim.url, timeoutMs: 30_000 });
  const database = openPool({ url: weir.run.database_url, applicationName: "test", max: 2 });
  t.after(async () => {
    await store.close();
    await database.close();
  });
  return { shim, weir, store, database };
}

/** Starts the load, after a model of the known products has gone live in the store. */
async function open({ weir, store, database }: Stage): Promise<Shop> {
  const shop = await openShop({ url: weir.run.url, key: weir.adminKey });
  await until(
    async () => {
      const [row] = await database.query<{ kind: string; name: string }>({
        text: `select m.kind, c.name from vectors.models m join vectors.model_collections k on k.model_id = m.id
               join vectors.collections c on c.id = k.collection_id
               where m.state = 'live' and k.purpose = 'products'`,
      });
      const aliases = await store.aliases();
      return row?.kind === "lsa" && aliases["products"] === row.name;
    },
    { what: "a fitted model to be live in the store", timeoutMs: slowMs },
  );
  shop.start();
  return shop;
}

/** 0 closed, 1 half open, 2 open: the syncing process's breaker, from the metrics. */
async function breakerState({ weir }: Stage): Promise<number | undefined> {
  const response = await fetch(`${weir.run.url}/metrics`, {
    headers: { "x-api-key": weir.adminKey },
  });
  const lines = (await response.text()).split("\n");
  const line = lines.find(
    (text) =>
      text.startsWith("weir_breaker_state{") &&
      text.includes('guard="vector_store"') &&
      text.includes('part="stream"'),
  );
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ")));
}

async function untilBreaker(stage: Stage, wanted: "open" | "closed"): Promise<void> {
  let last: number | undefined;
  await until(
    async () => {
      last = await breakerState(stage);
      return wanted === "open" ? last === 2 : last === 0;
    },
    { what: () => `the breaker to be ${wanted}; it is ${last}`, timeoutMs: slowMs, everyMs: 200 },
  );
}

/** All events sent are in PostgreSQL's points, and all points are in the store. */
async function untilSynced({ database }: Stage): Promise<void> {
  let last: unknown;
  await until(
    async () => {
      const [row] = await database.query<{ read: boolean }>({
        text: `select not exists (select from log.pages) and not exists (select from stream.stale) and not exists (
                 select from raw.events e, log.readers c
                 where c.name = 'stream' and not pg_visible_in_snapshot(e.xid, c.position)) as read`,
      });
      const lag = await readLag(database, "qdrant");
      last = { row, lag };
      return row?.read === true && lag.length > 0 && lag.every(({ lagPoints }) => lagPoints === 0);
    },
    {
      what: () => `the sync to be idle: ${JSON.stringify(last)}`,
      timeoutMs: slowMs,
      everyMs: 100,
    },
  );
}

/** Points of the live collections that differ from the load's records or PostgreSQL's vectors. */
async function differences(stage: Stage, books: Books): Promise<string[]> {
  const aliases = await stage.store.aliases();
  const found: string[] = [];
  for (const [alias, expected] of Object.entries(expectedPayloads(books))) {
    const truth = await stage.database.query<{ name: string; id: string; vector: Buffer }>({
      text: `select c.name, p.id::text as id, p.vector from vectors.aliases a
             join vectors.collections c on c.id = a.collection_id
             join vectors.points p on p.collection_id = c.id
             where a.alias = $1 and p.deleted_at is null`,
      values: [alias],
    });
    const name = truth[0]?.name ?? "";
    if (aliases[alias] !== name) found.push(`alias ${alias}: ${aliases[alias]} and not ${name}`);
    const { points } = await stage.store.scroll(name, { limit: 100_000, with_vector: true });
    const vectors = new Map(truth.map(({ id, vector }) => [id, vector]));
    const left = new Map(expected);
    for (const { id, payload, vector } of points) {
      const key = String(payload?.["product_id"] ?? payload?.["user_id"]);
      const wanted = left.get(key);
      left.delete(key);
      if (!isSame(payload, wanted)) {
        found.push(`${alias} ${key}: ${JSON.stringify(payload)} and not ${JSON.stringify(wanted)}`);
      } else if (!isNear(vector, vectors.get(id))) found.push(`${alias} ${key}: another vector`);
    }
    found.push(...[...left.keys()].map((key) => `${alias} ${key}: missing`));
  }
  return found;
}

function isSame(payload: unknown, wanted: unknown): boolean {
  try {
    assert.deepEqual(payload, wanted);
    return true;
  } catch {
    return false;
  }
}

function isNear(vector: Float32Array | undefined, bytes: Buffer | undefined): boolean {
  if (vector === undefined || bytes === undefined) return false;
  return (
    vector.length * 4 === bytes.length &&
    vector.every((value, n) => Math.abs(value - bytes.readFloatLE(4 * n)) < 1e-5)
  );
}

/** Waits for some seconds of load and returns the measurements. */
async function measure(shop: Shop, until?: () => Promise<void>): Promise<Pace> {
  const from = performance.now();
  await delay(downSeconds * 1000);
  await until?.();
  return paceBetween(shop.answers, from, performance.now());
}

const absences = {
  "killed with -9": {
    leave: ({ shim }: Stage) => shim.kill9(),
    comeBack: ({ shim }: Stage) => shim.start(),
  },
  frozen: {
    leave: async ({ shim }: Stage) => shim.pause(),
    comeBack: async ({ shim }: Stage) => shim.resume(),
  },
} as const;

for (const [how, { leave, comeBack }] of Object.entries(absences)) {
  test(`the store ${how} for ${downSeconds} s under load: 0 missing, 0 twice, ingestion as before`, async (t) => {
    const stage = await prepare(t);
    const shop = await open(stage);
    assert.equal((await breakerState(stage)) ?? 0, 0);
    const before = await measure(shop);
    await leave(stage);
    const down = await measure(shop, async () => {
      await untilBreaker(stage, "open");
      await assertSearchSaysSo(stage);
    });
    await comeBack(stage);
    const after = await measure(shop, () => untilBreaker(stage, "closed"));
    await shop.stop();
    const stoppedAt = performance.now();
    await untilSynced(stage);
    const caughtUp = (performance.now() - stoppedAt) / 1000;
    // the store answers with what it has acknowledged; there is nothing to wait for
    const found = await differences(stage, shop.books);
    assert.deepEqual(found.slice(0, 5), [], `${found.length} points differ`);
    const [letters] = await stage.database.query<{ open: number }>({
      text: "select count(*)::int as open from dlq.letters",
    });
    assert.equal(letters?.open, 0);
    assert.deepEqual([before.refused, down.refused, after.refused], [0, 0, 0]);
    const change = down.eventsPerSecond / before.eventsPerSecond - 1;
    for (const [when, pace] of Object.entries({ before, down, after }))
      t.diagnostic(say(when, pace));
    t.diagnostic(
      `${(100 * change).toFixed(1)} % events/s while down; ${shop.books.products.size} products, ` +
        `${shop.books.users.size} users equal ${caughtUp.toFixed(1)} s after the last event`,
    );
    // Other tests run beside it; the figure of the full run is what is judged. Senders that wait for the store would send
    // less than a hundredth.
    assert.ok(
      change > (isFullRun ? -0.4 : -0.9),
      `${before.eventsPerSecond} events/s fell to ${down.eventsPerSecond}`,
    );
  });
}

function say(when: string, pace: Pace): string {
  const ms = [pace.p50Ms, pace.p99Ms, pace.longestMs].map((value) => value.toFixed(1));
  return `${when}: ${pace.eventsPerSecond.toFixed(0)} events/s, p50 ${ms[0]} ms, p99 ${ms[1]} ms, longest ${ms[2]} ms`;
}

/** Checks that the answer comes soon and is retryable. */
async function assertSearchSaysSo({ weir }: Stage): Promise<void> {
  const response = await fetch(`${weir.run.url}/api/products/product-1/similar`, {
    headers: { "x-api-key": weir.adminKey },
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as { code?: string };
  assert.deepEqual([response.status, body.code], [503, "search_unavailable"]);
  assert.ok(response.headers.has("retry-after"));
}

test("control: a sync that continues after points that the store refused loses them", async (t) => {
  const main = await buildWith(t, [
    {
      in: "adapters/vectors/sync/page.ts",
      from: "await write(target.store, { name: collection.name, change, signal });",
      to: "await write(target.store, { name: collection.name, change, signal }).catch(() => {});",
    },
    // the counts are not compared again, which would find the loss and fill the collection
    { in: "adapters/vectors/sync/sync.ts", from: "verifyMs = 60_000", to: "verifyMs = 3_600_000" },
  ]);
  const stage = await prepare(t, main);
  const shop = await open(stage);
  await stage.shim.kill9();
  await untilBreaker(stage, "open");
  await stage.shim.start();
  await untilBreaker(stage, "closed");
  await shop.stop();
  await untilSynced(stage);
  const missing = (await differences(stage, shop.books)).filter((text) => text.endsWith("missing"));
  assert.notEqual(missing.length, 0);
  t.diagnostic(`${missing.length} points missing`);
});

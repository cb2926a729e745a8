import assert from "node:assert/strict";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  createTestDatabase,
  createTestFolder,
  type TestDatabase,
} from "../../../../../testing/database.ts";
import { until } from "../../../../../testing/until.ts";
import { type Point, VectorStoreError } from "../../../core/ports/vector-store.ts";
import { openNotifications } from "../../postgres/notifications.ts";
import { idOf, makeProducts, productIndexes } from "../conformance/filter.ts";
import type { EmbeddedEvent } from "./follower.ts";
import { createEmbeddedStore, type EmbeddedStore, type EmbeddedStoreOptions } from "./store.ts";

interface Opened {
  readonly store: EmbeddedStore;
  readonly events: EmbeddedEvent[];
  close(): Promise<void>;
}

function open(
  t: TestContext,
  database: TestDatabase,
  options: Partial<EmbeddedStoreOptions> = {},
): Opened {
  const events: EmbeddedEvent[] = [];
  const notifications = openNotifications({
    url: database.urls.app,
    applicationName: "test vectors",
  });
  const store = createEmbeddedStore({
    database: database.app,
    notifications,
    cacheFolder: undefined,
    memoryLimitBytes: 2 ** 30,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const close = async (): Promise<void> => {
    await store.close();
    await notifications.close();
  };
  t.after(close);
  return { store, events, close };
}

const dimension = 16;
const anywhere = Float32Array.from({ length: dimension }, (_, i) => i + 1);

async function ids(store: EmbeddedStore, name: string): Promise<string[]> {
  const found = await store.query(name, { vector: anywhere, limit: 1_000 });
  return found.map(({ id }) => id).sort();
}

function sorted(points: readonly Point[]): string[] {
  return points.map(({ id }) => id).sort();
}

test("what another process writes is found without asking for it", async (t) => {
  const database = await createTestDatabase(t);
  const [writer, reader] = [open(t, database), open(t, database)];
  const products = makeProducts(20, 1);
  await writer.store.createCollection("c", { dimension, payloadIndexes: productIndexes });
  await writer.store.upsert("c", products);
  assert.deepEqual(await ids(reader.store, "c"), sorted(products));
  const waits: number[] = [];
  for (let n = 0; n < 10; n++) {
    const point = { id: idOf(`new ${n}`), vector: anywhere, payload: {} };
    await writer.store.upsert("c", [point]);
    const started = performance.now();
    const query = { vector: anywhere, limit: 100 };
    const isThere = async () =>
      (await reader.store.query("c", query)).some(({ id }) => id === point.id);
    await until(isThere, { what: "the point", everyMs: 1 });
    waits.push(performance.now() - started);
    await writer.store.delete("c", { ids: [point.id] });
    await until(async () => !(await isThere()), { what: "the deletion", everyMs: 1 });
  }
  // polling alone would take 250 ms on average
  assert.ok((waits.sort((a, b) => a - b)[5] ?? 0) < 150, waits.join(" "));
});

test("an index that crashed is built again, and queries wait for it", async (t) => {
  const database = await createTestDatabase(t);
  const { store, events } = open(t, database);
  const products = makeProducts(50, 2);
  await store.createCollection("c", { dimension });
  await store.upsert("c", products);
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await ids(store, "c"), sorted(products));
    const asked = Promise.all(Array.from({ length: 20 }, () => ids(store, "c")));
    await store.crashIndex();
    for (const answer of await asked) assert.deepEqual(answer, sorted(products));
  }
  assert.ok(events.some(({ event }) => event === "worker_lost"));
});

test("a cache file is loaded and brought up to date, and rebuilt when it is truncated", async (t) => {
  const database = await createTestDatabase(t);
  const cacheFolder = await createTestFolder(t);
  const products = makeProducts(60, 3);
  const first = open(t, database, { cacheFolder });
  await first.store.createCollection("c", { dimension, payloadIndexes: productIndexes });
  await first.store.upsert("c", products.slice(0, 50));
  await first.store.warm(["c", "nowhere"]);
  await first.close();

  const away = open(t, database);
  await away.store.upsert("c", products.slice(50));
  await away.store.delete("c", { ids: products.slice(0, 10).map(({ id }) => id) });

  const second = open(t, database, { cacheFolder });
  assert.deepEqual(await ids(second.store, "c"), sorted(products.slice(10)));
  assert.equal(second.store.stats()[0]?.from, "cache");
  await second.close();

  const [file = ""] = await readdir(cacheFolder);
  await truncate(join(cacheFolder, file), 1_000);
  const third = open(t, database, { cacheFolder });
  assert.deepEqual(await ids(third.store, "c"), sorted(products.slice(10)));
  assert.equal(third.store.stats()[0]?.from, "database");
  assert.deepEqual(
    third.events.map((event) => [event.event, "reason" in event ? event.reason : ""]),
    [
      ["cache_refused", "its checksum is wrong"],
      ["loaded", ""],
    ],
  );
});

test("a cache file behind the tombstones that were cleaned up is not used, whatever else is running", async (t) => {
  const database = await createTestDatabase(t);
  const cacheFolder = await createTestFolder(t);
  const products = makeProducts(20, 4);
  const first = open(t, database, { cacheFolder });
  await first.store.createCollection("c", { dimension });
  await first.store.upsert("c", products);
  await first.store.warm(["c"]);
  await first.close();
  await database.app.transaction(async (older) => {
    await older.query({ text: "select pg_current_xact_id()" });
    const away = open(t, database);
    await away.store.delete("c", { ids: products.slice(0, 5).map(({ id }) => id) });
    await database.owner.query({ text: "select vectors.purge_tombstones('0 seconds')" });
    const second = open(t, database, { cacheFolder });
    assert.deepEqual(await ids(second.store, "c"), sorted(products.slice(5)));
    assert.deepEqual(
      second.events.map((event) => [event.event, "reason" in event ? event.reason : ""]),
      [
        ["cache_refused", "the feed cannot be continued from its position"],
        ["loaded", ""],
      ],
    );
    assert.equal(second.store.stats()[0]?.from, "database");
  });
});

test("a collection above the memory limit is refused with what to do; truth stays readable", async (t) => {
  const database = await createTestDatabase(t);
  const { store } = open(t, database, { memoryLimitBytes: 2 ** 20 });
  const products = makeProducts(3_000, 5);
  await store.createCollection("big", { dimension });
  await store.upsert("big", products);
  await assert.rejects(ids(store, "big"), (error: unknown) => {
    assert.ok(error instanceof VectorStoreError);
    assert.equal(error.code, "over_limit");
    assert.match(error.message, /limit of 1 MiB.*Raise vectors\.memory_mib/);
    return true;
  });
  assert.equal(await store.count("big"), 3_000);
  assert.equal((await store.scroll("big", { limit: 10 })).points.length, 10);
  await store.createCollection("small", { dimension });
  await store.upsert("small", products.slice(0, 10));
  assert.equal((await ids(store, "small")).length, 10);
});

test("a deleted collection leaves the index and its cache file goes", async (t) => {
  const database = await createTestDatabase(t);
  const cacheFolder = await createTestFolder(t);
  const here = open(t, database, { cacheFolder });
  const there = open(t, database);
  await here.store.createCollection("c", { dimension });
  await here.store.upsert("c", makeProducts(5, 6));
  await Promise.all([here.store.warm(["c"]), there.store.warm(["c"])]);
  await here.store.deleteCollection("c");
  assert.deepEqual(here.store.stats(), []);
  await until(() => there.store.stats().length === 0, { what: "the other process" });
  await here.close();
  assert.deepEqual(await readdir(cacheFolder), []);
});

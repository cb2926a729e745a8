/** Points written to PostgreSQL arrive in Qdrant, also when Qdrant fails meanwhile. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { type QdrantShim, startQdrantShim } from "../../../testing/qdrant-shim.ts";
import { until } from "../../../testing/until.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { idOf, randomFrom } from "../../src/adapters/vectors/conformance/filter.ts";
import { createQdrantStore } from "../../src/adapters/vectors/qdrant/store.ts";
import {
  createVectorSync,
  type VectorSync,
  type VectorSyncOptions,
} from "../../src/adapters/vectors/sync/sync.ts";
import {
  type Payload,
  type VectorStore,
  VectorStoreError,
} from "../../src/core/ports/vector-store.ts";

const dimension = 8;

interface Bench {
  readonly database: TestDatabase;
  readonly shim: QdrantShim;
  readonly store: VectorStore;
  /** Starts another worker; ends with the test. */
  work(options?: Partial<VectorSyncOptions>): Worker;
}

interface Worker {
  readonly sync: VectorSync;
  readonly errors: unknown[];
  stop(): Promise<void>;
}

async function prepare(t: TestContext): Promise<Bench> {
  const database = await createTestDatabase(t);
  const shim = await startQdrantShim(t);
  const store = createQdrantStore({ url: shim.url, timeoutMs: 2_000 });
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const workers: Worker[] = [];
  t.after(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await store.close();
    await notifications.close();
  });
  return {
    database,
    shim,
    store,
    work(options = {}) {
      const errors: unknown[] = [];
      const sync = createVectorSync({
        database: database.app,
        notifications,
        store,
        pagePoints: 50,
        verifyMs: 300,
        onError: (error) => errors.push(error),
        ...options,
      });
      const stopping = new AbortController();
      const running = sync.run(stopping.signal);
      const worker = {
        sync,
        errors,
        async stop() {
          stopping.abort();
          await running;
        },
      };
      workers.push(worker);
      return worker;
    },
  };
}

async function makeCollection(database: TestDatabase, name: string): Promise<number> {
  const [row] = await database.app.query<{ id: number }>({
    text: `insert into vectors.collections (name, dimension, payload_indexes)
           values ($1, $2, '{"n":"integer"}') returning id`,
    values: [name, dimension],
  });
  return row?.id ?? 0;
}

const random = randomFrom(21);

async function put(
  database: TestDatabase,
  collectionId: number,
  points: readonly { readonly id: string; readonly payload: Payload; readonly keep?: boolean }[],
): Promise<void> {
  await database.app.query({
    text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])",
    values: [
      collectionId,
      points.map(({ id }) => idOf(id)),
      points.map(({ keep }) => {
        if (keep === true) return null;
        const vector = Float32Array.from({ length: dimension }, () => random() - 0.5);
        const length = Math.hypot(...vector);
        return Buffer.from(vector.map((x) => x / length).buffer);
      }),
      points.map(({ payload }) => JSON.stringify(payload)),
    ],
  });
  await database.app.query({ text: "notify weir_points" });
}

async function remove(
  database: TestDatabase,
  collectionId: number,
  ids: readonly string[],
): Promise<void> {
  await database.app.query({
    text: "select vectors.delete_points($1, $2::uuid[])",
    values: [collectionId, ids.map(idOf)],
  });
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    id: `p${from + index}`,
    payload: { n: from + index, ad: "ürün" },
  }));

interface Difference {
  readonly missing: number;
  readonly surplus: number;
  readonly differing: number;
}

/** Compares the points of PostgreSQL and Qdrant: payloads equal, vectors near. */
async function compare(bench: Bench, name: string): Promise<Difference> {
  const here = await bench.database.app.query<{ id: string; payload: string; vector: Buffer }>({
    text: `select p.id::text as id, p.payload, p.vector
           from vectors.points p join vectors.collections c on c.id = p.collection_id
           where c.name = $1 and p.deleted_at is null`,
    values: [name],
  });
  const { points } = await bench.store.scroll(name, { limit: 100_000, with_vector: true });
  const there = new Map(points.map((point) => [point.id, point]));
  let differing = 0;
  for (const { id, payload, vector } of here) {
    const point = there.get(id);
    if (point === undefined) continue;
    const wanted = new Float32Array(Uint8Array.from(vector).buffer);
    const isNear = wanted.every((x, i) => Math.abs(x - (point.vector?.[i] ?? 9)) < 1e-6);
    try {
      assert.deepEqual(point.payload, payload);
      assert.ok(isNear);
    } catch {
      differing++;
    }
  }
  const ids = new Set(here.map(({ id }) => id));
  return {
    missing: here.filter(({ id }) => !there.has(id)).length,
    surplus: points.filter(({ id }) => !ids.has(id)).length,
    differing,
  };
}

const same: Difference = { missing: 0, surplus: 0, differing: 0 };

async function untilSame(bench: Bench, name: string): Promise<void> {
  let last: unknown;
  await until(
    async () => {
      try {
        last = await compare(bench, name);
      } catch (error) {
        if (!(error instanceof VectorStoreError)) throw error;
        last = error.message;
        return false;
      }
      return JSON.stringify(last) === JSON.stringify(same);
    },
    { what: () => `Qdrant to be equal: ${JSON.stringify(last)}` },
  );
}

async function untilIdle(worker: Worker): Promise<void> {
  await until(
    async () => {
      const stats = await worker.sync.stats();
      return stats.length > 0 && stats.every((each) => each.lagPoints === 0);
    },
    { what: "no lag" },
  );
}

test("points, changes and deletions arrive, vectors that did not change included", async (t) => {
  const bench = await prepare(t);
  const id = await makeCollection(bench.database, "products");
  await put(bench.database, id, numbered(0, 230));
  const worker = bench.work();
  await untilSame(bench, "products");
  await put(bench.database, id, [
    { id: "p1", payload: { n: -1 }, keep: true },
    { id: "p2", payload: { n: -2 } },
  ]);
  await remove(bench.database, id, ["p3", "p4"]);
  await untilSame(bench, "products");
  assert.equal(await bench.store.count("products"), 228);
  await untilIdle(worker);
  const [stats] = await worker.sync.stats();
  assert.equal(stats?.lagSeconds, 0);
  assert.ok((stats?.syncedPoints ?? 0) >= 234);
  assert.equal(worker.sync.problem?.(), undefined);
});

/** Writes, changes and deletes in many small transactions while `meanwhile` happens to Qdrant. */
async function writeWhile(bench: Bench, id: number, meanwhile: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const happening = meanwhile().finally(() => done.abort());
  for (let round = 0; round < 60 || !done.signal.aborted; round++) {
    await put(bench.database, id, [
      ...numbered(round * 5, round * 5 + 5),
      { id: `p${Math.floor(round / 2)}`, payload: { round }, keep: true },
    ]);
    if (round % 4 === 3) await remove(bench.database, id, [`p${round}`]);
  }
  await happening;
}

/** Killed twice and frozen once, until a worker has noticed (the others wait for it) and points are pending. */
async function outages(bench: Bench, workers: readonly Worker[]): Promise<void> {
  const errors = () => workers.reduce((sum, worker) => sum + worker.errors.length, 0);
  const problems = () => workers.flatMap(({ sync }) => sync.problem?.() ?? []);
  const noticed = (before: number) =>
    until(() => errors() > before, { what: "the sync to notice" });
  for (let round = 0; round < 2; round++) {
    const before = errors();
    await bench.shim.kill9();
    await noticed(before);
    assert.match(problems().join("\n"), /Qdrant/);
    await bench.shim.start();
    await until(() => problems().length === 0, {
      what: "the sync to continue",
    });
  }
  const before = errors();
  bench.shim.pause();
  await noticed(before);
  bench.shim.resume();
}

test("Qdrant killed and frozen under writes: 0 points missing afterwards, payloads equal", async (t) => {
  const bench = await prepare(t);
  const id = await makeCollection(bench.database, "products");
  const workers = [bench.work(), bench.work()];
  await until(async () => (await bench.store.collection("products")) !== undefined, {
    what: "the collection",
  });
  await writeWhile(bench, id, () => outages(bench, workers));
  await untilSame(bench, "products");
});

test("control: a sync that saves its position before Qdrant has the points loses some", async (t) => {
  const bench = await prepare(t);
  const id = await makeCollection(bench.database, "products");
  let isVerified = false;
  const early: VectorStore = {
    ...bench.store,
    async upsert(...args) {
      bench.store.upsert(...args).catch(() => {});
    },
    async count(...args) {
      const count = await bench.store.count(...args);
      isVerified = true;
      return count;
    },
  };
  // the counts are compared once and not again, which would find the loss and fill the collection
  const worker = bench.work({ store: early, verifyMs: 3_600_000 });
  await until(() => isVerified, { what: "the empty collection to be verified" });
  await bench.shim.kill9();
  await put(bench.database, id, numbered(0, 120));
  await untilIdle(worker);
  await worker.stop();
  await bench.shim.start();
  assert.equal((await compare(bench, "products")).missing, 120);
});

test("a collection that Qdrant lost, and one that is behind or ahead, are filled again automatically", async (t) => {
  const bench = await prepare(t);
  const id = await makeCollection(bench.database, "products");
  await put(bench.database, id, numbered(0, 120));
  bench.work();
  await untilSame(bench, "products");
  await bench.store.deleteCollection("products");
  await untilSame(bench, "products");
  await bench.store.delete("products", { ids: numbered(0, 70).map((point) => idOf(point.id)) });
  await untilSame(bench, "products");
  const stranger = { id: idOf("stranger"), vector: new Float32Array(dimension), payload: {} };
  await bench.store.upsert("products", [stranger]);
  await untilSame(bench, "products");
});

test("rebuild repairs a difference that counting cannot find", async (t) => {
  const bench = await prepare(t);
  const id = await makeCollection(bench.database, "products");
  await put(bench.database, id, numbered(0, 60));
  const { sync } = bench.work();
  await untilSame(bench, "products");
  await bench.store.setPayload("products", { ids: [idOf("p7")], payload: { n: "spoilt" } });
  assert.equal((await compare(bench, "products")).differing, 1);
  assert.equal(await sync.rebuild("nowhere"), false);
  assert.equal(await sync.rebuild("products"), true);
  await untilSame(bench, "products");
});

test("an alias moves once its collection is complete, and not before", async (t) => {
  const bench = await prepare(t);
  const old = await makeCollection(bench.database, "products-1");
  await put(bench.database, old, numbered(0, 20));
  const alias = async (name: string): Promise<void> => {
    await bench.database.app.query({
      text: "select vectors.switch_aliases($1)",
      values: [JSON.stringify({ products: name })],
    });
  };
  await alias("products-1");
  const seen: { moved: boolean; count: number }[] = [];
  // reads the new collection each time just before the aliases are requested
  const watched: VectorStore = {
    ...bench.store,
    async switchAliases(aliases, call) {
      for (const name of Object.values(aliases)) {
        seen.push({ moved: name === "products-2", count: await bench.store.count(name) });
      }
      await bench.store.switchAliases(aliases, call);
    },
  };
  bench.work({ store: watched });
  await until(async () => (await bench.store.aliases())["products"] === "products-1", {
    what: "the alias",
  });
  const next = await makeCollection(bench.database, "products-2");
  await put(bench.database, next, numbered(0, 900));
  await alias("products-2");
  await until(async () => (await bench.store.aliases())["products"] === "products-2", {
    what: "the alias to move",
  });
  assert.deepEqual(
    seen.filter(({ moved }) => moved),
    [{ moved: true, count: 900 }],
  );
  // a collection dropped in PostgreSQL is dropped in Qdrant
  await bench.database.app.query({ text: "select vectors.drop_collection('products-1')" });
  await until(async () => (await bench.store.collection("products-1")) === undefined, {
    what: "the old collection to be dropped",
  });
});

test("a collection of another dimension in Qdrant is reported as a problem, and the others continue", async (t) => {
  const bench = await prepare(t);
  await bench.store.createCollection("a", { dimension: 3 });
  await makeCollection(bench.database, "a");
  const id = await makeCollection(bench.database, "b");
  await put(bench.database, id, numbered(0, 10));
  const { sync } = bench.work();
  await untilSame(bench, "b");
  await until(() => sync.problem?.(), { what: "the problem" });
  assert.match(sync.problem?.() ?? "", /"a".*3.*8/);
});

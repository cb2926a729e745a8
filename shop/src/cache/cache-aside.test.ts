import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../testing/until.ts";
import { createLogger } from "../foundation/logger.ts";
import type { Cache } from "./cache.ts";
import { type CacheAsideOptions, createCacheAside, type Loaded } from "./cache-aside.ts";
import { CacheUnavailableError, guardCache } from "./guarded-cache.ts";
import { MemoryCache } from "./memory-cache.ts";

const logger = createLogger("test", "silent");

/** A row that changes, as a database has it, with loads that can be held back. */
function database() {
  let row: Loaded<string> = { value: "first", version: 1 };
  let loads = 0;
  let gate: Promise<void> | undefined;
  return {
    get loads() {
      return loads;
    },
    change(value: string | null, version: number) {
      row = { value, version };
    },
    /** Loads that begin from now on have read the row, and return when the result is called. */
    holdBack(): () => void {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return () => {
        gate = undefined;
        held.resolve();
      };
    },
    async load(): Promise<Loaded<string>> {
      loads += 1;
      const read = row;
      await gate;
      return read;
    },
  };
}

function aside(
  cache: Cache,
  load: () => Promise<Loaded<string>>,
  options: Partial<CacheAsideOptions<string>> = {},
) {
  return createCacheAside<string>({
    cache,
    load,
    ttlMs: 60_000,
    negativeTtlMs: 60_000,
    random: () => 0.5,
    logger,
    ...options,
  });
}

const memory = () => new MemoryCache({ now: () => performance.now() });

/** A cache that can be made to fail, in front of one in memory. */
function failing() {
  const cache = memory();
  const state = { fails: false };
  const or = <T>(call: () => Promise<T>): Promise<T> =>
    state.fails ? Promise.reject(new Error("connection refused")) : call();
  const wrapped: Cache = {
    get: (key) => or(() => cache.get(key)),
    put: (key, entry, ttlMs) => or(() => cache.put(key, entry, ttlMs)),
    invalidate: (invalidations) => or(() => cache.invalidate(invalidations)),
    check: () => or(() => cache.check()),
    close: () => cache.close(),
  };
  return { cache: wrapped, state };
}

test("a miss reads the database once for all readers, and then it is a hit", async () => {
  const rows = database();
  await using products = aside(memory(), rows.load);
  const letGo = rows.holdBack();
  const readers = Promise.all(Array.from({ length: 20 }, () => products.read("a")));
  await until(() => rows.loads === 1, { what: "the load" });
  letGo();
  for (const read of await readers) assert.deepEqual(read, { value: "first", outcome: "miss" });
  assert.equal(rows.loads, 1);
  assert.deepEqual(await products.read("a"), { value: "first", outcome: "hit" });
  rows.change(null, 2);
  await products.invalidate([{ key: "a", version: 2 }]);
  assert.deepEqual(await products.read("a"), { value: null, outcome: "miss" });
  assert.deepEqual(await products.read("a"), { value: null, outcome: "hit" });
});

test("a failed read is not remembered, and the next reader asks again", async () => {
  let loads = 0;
  await using products = aside(memory(), async () => {
    loads += 1;
    if (loads === 1) throw new Error("the database is down");
    return { value: "first", version: 1 };
  });
  await assert.rejects(products.read("a"), /database is down/);
  assert.deepEqual(await products.read("a"), { value: "first", outcome: "miss" });
});

test("a reader that read before a change does not put the old row back", async () => {
  const rows = database();
  const store = memory();
  await using products = aside(store, rows.load);
  const letGo = rows.holdBack();
  const slow = products.read("a");
  await until(() => rows.loads === 1, { what: "the slow reader to have read" });
  rows.change("second", 2);
  await products.invalidate([{ key: "a", version: 2 }]);
  // a reader after the change does not join the one before it
  const after = products.read("a");
  await until(() => rows.loads === 2, { what: "the new reader to ask the database" });
  letGo();
  assert.equal((await slow).value, "first");
  assert.equal((await after).value, "second");
  assert.deepEqual(await products.read("a"), { value: "second", outcome: "hit" });
});

test("control: with a cache that ignores versions, the old row comes back", async () => {
  const rows = database();
  const store = memory();
  const careless: Cache = {
    get: (key) => store.get(key),
    put: (key, entry, ttlMs) => store.put(key, { ...entry, version: 1_000 }, ttlMs),
    invalidate: (invalidations) => store.invalidate(invalidations),
    check: () => store.check(),
    close: () => store.close(),
  };
  await using products = aside(careless, rows.load);
  const letGo = rows.holdBack();
  const slow = products.read("a");
  await until(() => rows.loads === 1, { what: "the slow reader to have read" });
  rows.change("second", 2);
  await products.invalidate([{ key: "a", version: 2 }]);
  letGo();
  await slow;
  assert.deepEqual(await products.read("a"), { value: "first", outcome: "hit" });
});

test("without the cache everything comes from the database, also changes that it did not hear of", async () => {
  const rows = database();
  const { cache, state } = failing();
  await using products = aside(cache, rows.load, { retryMs: 5 });
  await products.read("a");
  state.fails = true;
  assert.deepEqual(await products.read("a"), { value: "first", outcome: "bypass" });
  rows.change("second", 2);
  await products.invalidate([{ key: "a", version: 2 }]);
  assert.deepEqual(await products.read("a"), { value: "second", outcome: "bypass" });
  state.fails = false;
  // the entry of the first version is still in it: the invalidation has to arrive before it is used
  const read = await until(
    async () => {
      const { value, outcome } = await products.read("a");
      assert.equal(value, "second");
      return outcome === "hit";
    },
    { what: "the cache to be used again" },
  );
  assert.equal(read, true);
});

test("entries end within 80 to 100 % of their time", async () => {
  const times: number[] = [];
  const store = memory();
  const timed: Cache = {
    get: (key) => store.get(key),
    put: (key, entry, ttlMs) => {
      times.push(ttlMs);
      return store.put(key, entry, ttlMs);
    },
    invalidate: (invalidations) => store.invalidate(invalidations),
    check: () => store.check(),
    close: () => store.close(),
  };
  let draw = 0;
  const load = async (): Promise<Loaded<string>> => ({
    value: draw === 1 ? null : "x",
    version: 1,
  });
  await using products = aside(timed, load, {
    ttlMs: 1_000,
    negativeTtlMs: 100,
    random: () => draw,
  });
  await products.read("a");
  draw = 0.5;
  await products.read("b");
  draw = 1;
  await products.read("c");
  assert.deepEqual(times, [800, 900, 100]);
});

test("a cache that does not answer costs its time limit a few times, and is then asked rarely", async () => {
  let now = 0;
  let calls = 0;
  let answers = false;
  const store = memory();
  const slow: Cache = {
    get: (key) => {
      calls += 1;
      return answers ? store.get(key) : new Promise(() => {});
    },
    put: (key, entry, ttlMs) => store.put(key, entry, ttlMs),
    invalidate: (invalidations) => store.invalidate(invalidations),
    check: () => store.check(),
    close: () => store.close(),
  };
  const guarded = guardCache(slow, { timeoutMs: 5, failures: 3, pauseMs: 1_000, now: () => now });
  for (let count = 0; count < 20; count += 1) {
    await assert.rejects(guarded.get("a"), CacheUnavailableError);
  }
  assert.equal(calls, 3);
  now = 1_000;
  await assert.rejects(guarded.get("a"), CacheUnavailableError);
  await assert.rejects(guarded.get("a"), CacheUnavailableError);
  assert.equal(calls, 4, "one call tries it after the pause");
  now = 2_000;
  answers = true;
  assert.equal(await guarded.get("a"), undefined);
  assert.equal(await guarded.get("a"), undefined);
  assert.equal(calls, 6);
  await guarded.close();
});

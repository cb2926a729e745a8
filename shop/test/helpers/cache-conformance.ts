/** What every driver of the port `Cache` keeps. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Cache } from "../../src/cache/cache.ts";

const minute = 60_000;

export function cacheConformance(
  driver: string,
  open: (t: TestContext) => Promise<Cache>,
  options: { readonly skip?: string | false } = {},
): void {
  const check = (promise: string, run: (cache: Cache) => Promise<void>): void => {
    void test(`${driver}: ${promise}`, options, async (t) => {
      const cache = await open(t);
      t.after(() => cache.close());
      await run(cache);
    });
  };

  check("an entry is returned as it was stored, under its key alone", async (cache) => {
    const entry = { value: '{"name":"Kupa, ğ €:\\n"}', version: 7 };
    assert.equal(await cache.get("a"), undefined);
    assert.equal(await cache.put("a", entry, minute), true);
    assert.deepEqual(await cache.get("a"), entry);
    assert.equal(await cache.get("b"), undefined);
    await cache.check();
  });

  check("that there is no such thing is an entry too", async (cache) => {
    await cache.put("a", { value: null, version: 0 }, minute);
    assert.deepEqual(await cache.get("a"), { value: null, version: 0 });
  });

  check("an entry ends with its time", async (cache) => {
    await cache.put("a", { value: "1", version: 1 }, 30);
    await until(async () => (await cache.get("a")) === undefined, { what: "the entry to end" });
    // and an older version may be stored again
    assert.equal(await cache.put("a", { value: "0", version: 0 }, minute), true);
  });

  check("an older version never replaces a newer one", async (cache) => {
    await cache.put("a", { value: '"new"', version: 10 }, minute);
    assert.equal(await cache.put("a", { value: '"old"', version: 9 }, minute), false);
    assert.equal((await cache.get("a"))?.value, '"new"');
    assert.equal(await cache.put("a", { value: '"newer"', version: 11 }, minute), true);
    assert.equal((await cache.get("a"))?.value, '"newer"');
  });

  check(
    "an invalidation removes older entries and refuses those that come later",
    async (cache) => {
      await cache.put("a", { value: '"old"', version: 1 }, minute);
      await cache.put("b", { value: '"kept"', version: 5 }, minute);
      await cache.invalidate([
        { key: "a", version: 2 },
        { key: "b", version: 5 },
        { key: "c", version: 3 },
      ]);
      assert.equal(await cache.get("a"), undefined);
      assert.equal((await cache.get("b"))?.value, '"kept"', "it is as new as the invalidation");
      // a reader that read before the change, and stores its row now
      assert.equal(await cache.put("a", { value: '"old"', version: 1 }, minute), false);
      assert.equal(await cache.put("c", { value: null, version: 0 }, minute), false);
      assert.equal(await cache.get("a"), undefined);
      assert.equal(await cache.put("a", { value: '"new"', version: 2 }, minute), true);
      assert.equal((await cache.get("a"))?.value, '"new"');
    },
  );

  check("invalidations that arrive in the wrong order keep the newest", async (cache) => {
    await cache.invalidate([{ key: "a", version: 12 }]);
    await cache.invalidate([{ key: "a", version: 9 }]);
    await cache.invalidate([]);
    assert.equal(await cache.put("a", { value: "1", version: 11 }, minute), false);
    assert.equal(await cache.put("a", { value: "2", version: 12 }, minute), true);
  });

  check("versions are compared as numbers", async (cache) => {
    const large = 9_007_199_254_740_000;
    await cache.put("a", { value: "1", version: large }, minute);
    assert.equal(await cache.put("a", { value: "0", version: 999 }, minute), false);
    assert.equal(await cache.put("a", { value: "2", version: large + 1 }, minute), true);
    assert.deepEqual(await cache.get("a"), { value: "2", version: large + 1 });
  });
}

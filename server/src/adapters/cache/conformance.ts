/** What every driver of the port `Cache` keeps. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Cache } from "../../core/ports/cache.ts";
import { poll } from "../../timing/poll.ts";

export function cacheConformance(
  driver: string,
  open: (t: TestContext) => Promise<Cache>,
  options: { readonly skip?: string | false } = {},
): void {
  const check = (promise: string, run: (cache: Cache) => Promise<void>): void => {
    void test(`${driver}: ${promise}`, options, async (t) => run(await open(t)));
  };

  check("a value is kept byte for byte, replaced, and unknown under other keys", async (cache) => {
    const bytes = Buffer.from([0, 255, 10, 13, 36, 128]);
    assert.equal(cache.isUp, true);
    assert.equal(await cache.get("a"), undefined);
    await cache.set("a", bytes, 60_000);
    assert.deepEqual(await cache.get("a"), bytes);
    assert.equal(await cache.get("b"), undefined);
    await cache.set("a", Buffer.from("ğ"), 60_000);
    assert.equal(String(await cache.get("a")), "ğ");
  });

  check("a value is gone after its time", async (cache) => {
    await cache.set("a", Buffer.from("x"), 50);
    await poll(async () => ((await cache.get("a")) === undefined ? true : undefined), {
      everyMs: 10,
    });
  });

  check("one caller at a time has a claim, until it releases it", async (cache) => {
    const claims = await Promise.all([1, 2, 3].map(() => cache.claim("a", 60_000)));
    const [release, ...others] = claims.filter((claim) => claim !== undefined);
    assert.ok(release !== undefined && others.length === 0);
    assert.notEqual(await cache.claim("b", 60_000), undefined);
    await release();
    assert.notEqual(await cache.claim("a", 60_000), undefined);
  });

  check(
    "a claim that is not released expires, and its late release ends no other",
    async (cache) => {
      const lost = await cache.claim("a", 50);
      assert.ok(lost !== undefined);
      await poll(() => cache.claim("a", 60_000), { everyMs: 10 });
      await lost();
      assert.equal(await cache.claim("a", 60_000), undefined);
    },
  );
}

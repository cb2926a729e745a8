import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheConformance } from "../../test/helpers/cache-conformance.ts";
import { MemoryCache } from "./memory-cache.ts";

cacheConformance("memory", async () => new MemoryCache({ now: () => performance.now() }));

test("memory is bounded, and what was used last stays", async () => {
  const cache = new MemoryCache({ now: () => 0, maxBytes: 100_000 });
  const value = JSON.stringify("x".repeat(1_000));
  for (let index = 0; index < 1_000; index += 1) {
    await cache.put(`key ${index}`, { value, version: 1 }, 1_000);
    await cache.get("key 0");
    assert.ok(cache.bytes <= 100_000);
  }
  assert.notEqual(await cache.get("key 0"), undefined);
  assert.notEqual(await cache.get("key 999"), undefined);
  assert.equal(await cache.get("key 1"), undefined);
  // replaced entries and invalidations are counted once
  await cache.invalidate([{ key: "key 0", version: 2 }]);
  await cache.put("key 0", { value, version: 2 }, 1_000);
  assert.ok(cache.bytes <= 100_000 && cache.bytes > 0);
  await cache.close();
  assert.equal(cache.bytes, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheConformance } from "./conformance.ts";
import { MemoryCache } from "./memory-cache.ts";

const monotonic = () => performance.now();

cacheConformance("memory", async () => new MemoryCache({ maxBytes: 1_000_000, monotonic }));

test("the least recently used values make room, and a value larger than all room is not kept", async () => {
  const cache = new MemoryCache({ maxBytes: 4_000, monotonic });
  const kilobyte = Buffer.alloc(1_000);
  for (const key of ["a", "b", "c"]) await cache.set(key, kilobyte, 60_000);
  await cache.get("a");
  await cache.set("d", kilobyte, 60_000);
  const kept = await Promise.all(["a", "b", "c", "d"].map((key) => cache.get(key)));
  assert.deepEqual(
    kept.map((value) => value !== undefined),
    [true, false, true, true],
  );
  await cache.set("e", Buffer.alloc(4_000), 60_000);
  assert.equal(await cache.get("e"), undefined);
  assert.ok(cache.bytes <= 4_000, String(cache.bytes));
});

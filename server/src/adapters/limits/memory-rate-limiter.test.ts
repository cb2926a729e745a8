import assert from "node:assert/strict";
import { test } from "node:test";
import type { RateDecision } from "../../core/access/rate-limit.ts";
import { rateLimiterConformance } from "./conformance.ts";
import { createMemoryRateLimiter } from "./memory-rate-limiter.ts";

rateLimiterConformance("memory", async () => createMemoryRateLimiter());

const policy = { eventsPerSecond: 10, burstEvents: 100 };

function limiter() {
  const limits = createMemoryRateLimiter();
  return (key: string, events: number, now: number) =>
    limits.take(key, { events, policy, now }) as RateDecision;
}

test("an idle key may send its burst, then as much as its rate allows", () => {
  const take = limiter();
  assert.deepEqual(take("a", 100, 0), {
    allowed: true,
    remaining: 0,
    resetSeconds: 10,
    retryAfterSeconds: 0,
  });
  assert.deepEqual(take("a", 1, 50), {
    allowed: false,
    remaining: 0,
    resetSeconds: 10,
    retryAfterSeconds: 1,
  });
  assert.equal(take("a", 1, 100).allowed, true);
  assert.equal(take("a", 50, 5_100).allowed, true);
  assert.equal(take("a", 1, 5_100).allowed, false);
});

test("a request is allowed as a whole or refused, and a refused one costs nothing", () => {
  const take = limiter();
  take("a", 60, 0);
  assert.deepEqual(take("a", 50, 0), {
    allowed: false,
    remaining: 40,
    resetSeconds: 6,
    retryAfterSeconds: 1,
  });
  assert.equal(take("a", 40, 0).allowed, true);
});

test("a caller that waits for Retry-After may send", () => {
  const take = limiter();
  take("a", 100, 0);
  const { retryAfterSeconds } = take("a", 95, 0);
  assert.equal(retryAfterSeconds, 10);
  assert.equal(take("a", 95, 9_000).allowed, false);
  assert.equal(take("a", 95, retryAfterSeconds * 1_000).allowed, true);
});

test("keys have separate limits, and a changed policy applies at once", () => {
  const limits = createMemoryRateLimiter();
  const take = (key: string, eventsPerSecond: number, now: number) =>
    limits.take(key, {
      events: 100,
      policy: { eventsPerSecond, burstEvents: 100 },
      now,
    }) as RateDecision;
  take("a", 10, 0);
  assert.equal(take("b", 10, 0).allowed, true);
  assert.equal(take("a", 10, 100).allowed, false);
  assert.equal(take("a", 1_000, 200).allowed, true);
});

test("idle keys are removed from memory", () => {
  const limits = createMemoryRateLimiter();
  for (let n = 0; n < 200_000; n++) {
    void limits.take(`key${n}`, { events: 1, policy, now: n * 10 });
  }
  assert.ok(limits.keys <= 20_000, String(limits.keys));
});

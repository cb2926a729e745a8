/** What every driver of the port `RateLimiter` keeps. It runs in real time: a driver may have a clock of its own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RateDecision, RateLimiter, RatePolicy } from "../../core/access/rate-limit.ts";
import { pause } from "../../timing/pause.ts";

export type Taker = (key: string, events: number, policy?: RatePolicy) => Promise<RateDecision>;

const policy: RatePolicy = { eventsPerSecond: 100, burstEvents: 200 };
/** What the rate may add while a test runs on a busy machine. */
const slack = 50;

export function takerOf(limiter: RateLimiter): Taker {
  return async (key, events, with_ = policy) =>
    limiter.take(key, { events, policy: with_, now: performance.now() });
}

export function rateLimiterConformance(
  driver: string,
  open: (t: TestContext) => Promise<RateLimiter>,
  options: { readonly skip?: string | false } = {},
): void {
  const check = (promise: string, run: (take: Taker) => Promise<void>): void => {
    void test(`${driver}: ${promise}`, options, async (t) => run(takerOf(await open(t))));
  };

  check("an idle key may send its burst, then is refused", async (take) => {
    const all = await take("a", 200);
    assert.equal(all.allowed, true);
    assert.equal(all.retryAfterSeconds, 0);
    assert.ok(all.remaining < slack && all.resetSeconds <= 2, JSON.stringify(all));
    const more = await take("a", 190);
    assert.equal(more.allowed, false);
    assert.ok(more.retryAfterSeconds >= 1 && more.retryAfterSeconds <= 2, JSON.stringify(more));
  });

  check(
    "a request is allowed as a whole or refused, and a refused one costs nothing",
    async (take) => {
      await take("a", 120);
      const refused = await take("a", 199);
      assert.equal(refused.allowed, false);
      assert.ok(refused.remaining >= 80 && refused.remaining < 80 + slack, JSON.stringify(refused));
      assert.equal((await take("a", 80)).allowed, true);
    },
  );

  check("more than the burst is never allowed", async (take) => {
    const { allowed, remaining } = await take("a", 201);
    assert.deepEqual({ allowed, remaining }, { allowed: false, remaining: 200 });
    assert.equal((await take("a", 200)).allowed, true);
  });

  check("a sender that waits for Retry-After may send", async (take) => {
    await take("a", 200);
    const { retryAfterSeconds } = await take("a", 90);
    assert.equal(retryAfterSeconds, 1);
    await pause(retryAfterSeconds * 1_000);
    assert.equal((await take("a", 90)).allowed, true);
  });

  check("the burst and the rate bound what is allowed in any time", async (take) => {
    const fast: RatePolicy = { eventsPerSecond: 500, burstEvents: 1_000 };
    const started = performance.now();
    let allowed = 0;
    while (performance.now() - started < 500) {
      for (let n = 0; n < 20; n++) if ((await take("a", 20, fast)).allowed) allowed += 20;
      await pause(1);
    }
    // what the bucket gained while a busy machine let this test wait
    while ((await take("a", 20, fast)).allowed) allowed += 20;
    const limit = 1_000 + ((performance.now() - started) / 1_000) * 500;
    assert.ok(allowed <= limit, `${allowed} of ${limit}`);
    assert.ok(allowed >= limit - 40, `${allowed} of ${limit}`);
  });

  check("concurrent requests share one budget", async (take) => {
    const decisions = await Promise.all(Array.from({ length: 50 }, () => take("a", 10)));
    const allowed = decisions.filter((one) => one.allowed).length;
    assert.ok(allowed >= 20 && allowed <= 20 + slack / 10, String(allowed));
  });

  check(
    "keys have separate limits, and a changed policy applies to the next request",
    async (take) => {
      await take("a", 200);
      assert.equal((await take("b", 200)).allowed, true);
      assert.equal((await take("a", 190)).allowed, false);
      const faster = { eventsPerSecond: 1_000_000, burstEvents: 200 };
      await take("a", 1, faster);
      await pause(5);
      assert.equal((await take("a", 190, faster)).allowed, true);
      await pause(5);
      await take("a", 1, faster);
      const smaller = { eventsPerSecond: 1, burstEvents: 50 };
      assert.equal((await take("a", 51, smaller)).allowed, false);
      assert.equal((await take("a", 45, smaller)).allowed, true);
      assert.equal((await take("a", 45, smaller)).allowed, false);
    },
  );
}

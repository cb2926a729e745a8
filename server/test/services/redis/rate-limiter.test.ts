/**
 * Rate limits in a real Redis: the port's conformance suite, limits over two processes, and what a sender sees when
 * Redis is killed, emptied, frozen, or refuses the password.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { rateLimiterConformance, takerOf } from "../../../src/adapters/limits/conformance.ts";
import { createMemoryRateLimiter } from "../../../src/adapters/limits/memory-rate-limiter.ts";
import { redisCheck } from "../../../src/adapters/redis/health.ts";
import type { RateLimiter, RatePolicy } from "../../../src/core/access/rate-limit.ts";
import { pause } from "../../../src/timing/pause.ts";
import { connectRedis, limitBy } from "../../helpers/redis-connection.ts";
import { requireRedis, startRedis } from "../../helpers/redis-server.ts";

const needed = requireRedis();

rateLimiterConformance(
  "redis",
  async (t) => {
    const server = await startRedis(t);
    return limitBy(t, (await connectRedis(t, server)).redis);
  },
  needed,
);

const policy: RatePolicy = { eventsPerSecond: 5_000, burstEvents: 5_000 };

/** Two connections with a limiter each, as two processes have. */
async function twoProcesses(t: TestContext, open: (t: TestContext) => Promise<RateLimiter>) {
  const limiters = [await open(t), await open(t)] as const;
  return limiters.map((limiter) => takerOf(limiter));
}

/** Events that two processes allow while both are asked for more than the limit, per event of the limit. */
async function shareOfLimit(
  t: TestContext,
  open: (t: TestContext) => Promise<RateLimiter>,
): Promise<number> {
  const processes = await twoProcesses(t, open);
  const started = performance.now();
  const allowed = await Promise.all(
    processes.map(async (take) => {
      let events = 0;
      while (performance.now() - started < 3_000) {
        for (let n = 0; n < 20; n++) if ((await take("key", 1, policy)).allowed) events++;
        if ((await take("key", 20, policy)).allowed) events += 20;
        await pause(1);
      }
      return events;
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  const sum = allowed.reduce((total, events) => total + events, 0);
  const share = sum / (policy.burstEvents + seconds * policy.eventsPerSecond);
  t.diagnostic(`${allowed.join(" + ")} events in ${seconds.toFixed(2)} s: ${share.toFixed(4)}`);
  return share;
}

test("two processes keep one limit within 1 %", needed, async (t) => {
  const server = await startRedis(t);
  const share = await shareOfLimit(t, async () =>
    limitBy(t, (await connectRedis(t, server)).redis),
  );
  assert.ok(share <= 1.01 && share >= 0.99, String(share));
});

test("control: limits in the memory of each process allow twice as much", async (t) => {
  const share = await shareOfLimit(t, async () => createMemoryRateLimiter());
  assert.ok(share > 1.5, String(share));
});

test("a single event does not wait for Redis while tokens are leased", needed, async (t) => {
  const server = await startRedis(t);
  const { redis } = await connectRedis(t, server);
  const by = { lease: 0, redis: 0, local: 0 };
  const limiter = limitBy(t, redis, (who) => {
    by[who]++;
  });
  const wide = { eventsPerSecond: 50_000, burstEvents: 100_000 };
  for (let n = 0; n < 10_000; n++) {
    await limiter.take("key", { events: 1, policy: wide, now: performance.now() });
    if (n % 50 === 0) await pause(1);
  }
  assert.equal(by.local, 0);
  assert.ok(by.redis < 100, JSON.stringify(by));
});

test("leased tokens that are not used return to the other processes", needed, async (t) => {
  const server = await startRedis(t);
  const [one, other] = await twoProcesses(t, async () =>
    limitBy(t, (await connectRedis(t, server)).redis),
  );
  assert.ok(one !== undefined && other !== undefined);
  const slow = { eventsPerSecond: 1, burstEvents: 100_000 };
  assert.equal((await one("key", 1, slow)).allowed, true);
  await until(async () => (await other("key", 99_999, slow)).allowed, {
    what: "the tokens of the idle process",
  });
});

test("Redis killed: senders go on with local limits, one line each way", needed, async (t) => {
  const server = await startRedis(t);
  const { redis, lines } = await connectRedis(t, server);
  const take = takerOf(limitBy(t, redis));
  assert.equal((await take("key", 1, policy)).allowed, true);
  await server.kill();
  const slowest = await slowestOf(take, 100);
  assert.ok(slowest < 1_000, `${slowest} ms`);
  await until(() => lines.length > 0, { what: "the line that Redis is down" });
  assert.equal((await redisCheck(redis)()).status, "degraded");
  await server.start();
  await until(() => lines.length > 1, { what: "the line that Redis is back" });
  assert.deepEqual(lines, ["warn: Redis does not answer", "info: Redis answers again"]);
  await until(() => redis.isUp, { what: "the connection" });
  assert.equal((await redisCheck(redis)()).status, "ok");
  assert.equal((await take("key", 1, policy)).allowed, true);
});

test("Redis frozen: one request waits for the time limit, the others do not", needed, async (t) => {
  const server = await startRedis(t);
  const { redis, lines } = await connectRedis(t, server);
  const take = takerOf(limitBy(t, redis));
  await take("key", 1, policy);
  server.freeze();
  const slowest = await slowestOf(take, 300);
  assert.ok(slowest < 1_000, `${slowest} ms`);
  await until(() => lines.length === 1, { what: "the line that Redis is down" });
  const begun = performance.now();
  assert.equal((await redisCheck(redis)()).status, "degraded");
  assert.ok(performance.now() - begun < 2_000);
  server.continue();
  await until(() => redis.isUp && lines.length === 2, { what: "Redis to be used again" });
});

test("Redis emptied: the limit starts again from a full burst", needed, async (t) => {
  const server = await startRedis(t);
  const { redis } = await connectRedis(t, server);
  const take = takerOf(limitBy(t, redis));
  const slow = { eventsPerSecond: 1, burstEvents: 100 };
  assert.equal((await take("key", 100, slow)).allowed, true);
  assert.equal((await take("key", 100, slow)).allowed, false);
  await redis.command(["FLUSHALL"]);
  await until(async () => (await take("key", 100, slow)).allowed, { what: "a full bucket" });
});

test(
  "a wrong password is reported once, and senders go on with local limits",
  needed,
  async (t) => {
    const server = await startRedis(t, { password: "right" });
    const { redis, lines } = await connectRedis(t, {
      url: server.url,
      password: "wrong",
      waits: false,
    });
    const take = takerOf(limitBy(t, redis));
    assert.ok((await slowestOf(take, 20)) < 1_000);
    await until(() => lines.length === 1, { what: "the line that Redis is down" });
    assert.equal((await redisCheck(redis)()).status, "degraded");
    assert.equal(redis.isUp, false);
    const right = await connectRedis(t, { url: server.url, password: "right" });
    assert.equal((await redisCheck(right.redis)()).status, "ok");
  },
);

/** Milliseconds of the slowest of `requests` that are all allowed. */
async function slowestOf(take: ReturnType<typeof takerOf>, requests: number): Promise<number> {
  let slowest = 0;
  for (let n = 0; n < requests; n++) {
    const begun = performance.now();
    assert.equal((await take("key", 10, { eventsPerSecond: 1e6, burstEvents: 1e6 })).allowed, true);
    slowest = Math.max(slowest, performance.now() - begun);
    await pause(5);
  }
  return slowest;
}

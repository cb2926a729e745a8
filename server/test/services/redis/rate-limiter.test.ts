/**
 * Rate limits in a real Redis: the port's conformance suite, limits over two processes, and what a sender sees when
 * Redis is killed, emptied, frozen, or refuses the password.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startRedis } from "../../../../testing/servers/redis.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import { until } from "../../../../testing/until.ts";
import { rateLimiterConformance, takerOf } from "../../../src/adapters/limits/conformance.ts";
import { RedisCache } from "../../../src/adapters/redis/cache.ts";
import { redisCheck } from "../../../src/adapters/redis/health.ts";
import type { RatePolicy } from "../../../src/core/access/rate-limit.ts";
import { pause } from "../../../src/timing/pause.ts";
import type { RateLimitTask } from "../../helpers/rate-limit-process.ts";
import { connectRedis, limitBy } from "../../helpers/redis-connection.ts";

const child = fileURLToPath(new URL("../../helpers/rate-limit-process.ts", import.meta.url));
const needed = await requireServers("redis");

rateLimiterConformance(
  "redis",
  async (t) => {
    const server = await startRedis(t);
    return limitBy(t, (await connectRedis(t, server)).redis);
  },
  needed,
);

/** The bucket would be full again only after ten seconds in which a busy machine lets no process run. */
const policy: RatePolicy = { eventsPerSecond: 1_000, burstEvents: 10_000 };

/** Events that two processes allow while both are asked for more than the limit, and the limit of that time. */
async function allowedByTwo(t: TestContext, url: string | undefined) {
  const task: RateLimitTask = { url, policy, seconds: 3 };
  const children = [fork(child), fork(child)];
  t.after(() => {
    for (const one of children) one.kill("SIGKILL");
  });
  const answers = (one: ChildProcess) => once(one, "message").then(([answer]) => answer as unknown);
  await Promise.all(
    children.map((one) => {
      one.send(task);
      return answers(one);
    }),
  );
  const started = performance.now();
  const counts = await Promise.all(
    children.map((one) => {
      one.send("go");
      return answers(one) as Promise<number>;
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  t.diagnostic(`${counts.join(" + ")} events in ${seconds.toFixed(2)} s`);
  return {
    allowed: counts.reduce((sum, count) => sum + count, 0),
    limit: policy.burstEvents + seconds * policy.eventsPerSecond,
  };
}

test("two processes keep one limit within 1 %", needed, async (t) => {
  const server = await startRedis(t);
  const { allowed, limit } = await allowedByTwo(t, server.url);
  assert.ok(allowed <= limit * 1.01 && allowed >= limit * 0.99, `${allowed} of ${limit}`);
});

test("control: limits in the memory of each process allow twice as much", async (t) => {
  const { allowed, limit } = await allowedByTwo(t, undefined);
  assert.ok(allowed > limit * 1.5, `${allowed} of ${limit}`);
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
  const open = async () => takerOf(limitBy(t, (await connectRedis(t, server)).redis));
  const [one, other] = [await open(), await open()];
  const slow = { eventsPerSecond: 1, burstEvents: 100_000 };
  assert.equal((await one("key", 1, slow)).allowed, true);
  await until(async () => (await other("key", 99_999, slow)).allowed, {
    what: "the tokens of the idle process",
  });
});

test("Redis killed: senders continue with local limits, one line each way", needed, async (t) => {
  const server = await startRedis(t);
  const { redis, lines } = await connectRedis(t, server);
  const take = takerOf(limitBy(t, redis));
  assert.equal((await take("key", 1, policy)).allowed, true);
  await server.kill();
  const slowest = await slowestOf(take, 100);
  assertWithin(slowest, 1_000, "the slowest decision");
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
  assertWithin(slowest, 1_000, "the slowest decision");
  await until(() => lines.length === 1, { what: "the line that Redis is down" });
  const begun = performance.now();
  assert.equal((await redisCheck(redis)()).status, "degraded");
  assertWithin(performance.now() - begun, 2_000, "the check of Redis");
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
  "a wrong password is reported once, and senders continue with local limits",
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
    const right = await connectRedis(t, { url: server.url });
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

test("TLS with a certificate of an own authority", needed, async (t) => {
  const server = await startRedis(t, { tls: true, password: "right" });
  const { redis } = await connectRedis(t, server.secure);
  assert.equal((await redisCheck(redis)()).status, "ok");
  const { redis: distrusting, lines } = await connectRedis(t, {
    url: server.secure.url,
    waits: false,
  });
  await until(() => lines.length === 1, { what: "the refused certificate" });
  assert.equal(distrusting.isUp, false);
});

test("the rights that the guide names are enough, and no more is needed", needed, async (t) => {
  const server = await startRedis(t);
  const { redis: administrator } = await connectRedis(t, server);
  const guide = await readFile(
    new URL("../../../../docs/guides/redis.md", import.meta.url),
    "utf8",
  );
  const rights = /`(~weir:\*[^`]+)`/.exec(guide)?.[1]?.split(" ") ?? [];
  await administrator.command(["ACL", "SETUSER", "weir", "on", ">p%ss", ...rights]);
  const { redis } = await connectRedis(t, { url: server.url, username: "weir", password: "p%ss" });
  assert.equal((await redisCheck(redis)()).status, "ok");
  const by: string[] = [];
  const take = takerOf(limitBy(t, redis, (who) => by.push(who)));
  assert.equal((await take("key", 1, policy)).allowed, true);
  assert.deepEqual(by, ["redis"]);
  const cache = new RedisCache(redis);
  await cache.set("a", Buffer.from("x"), 60_000);
  assert.equal(String(await cache.get("a")), "x");
  const release = await cache.claim("b", 60_000);
  assert.equal(await cache.claim("b", 60_000), undefined);
  await release?.();
  assert.notEqual(await cache.claim("b", 60_000), undefined);
  await assert.rejects(redis.command(["GET", "another:key"]), /NOPERM/);
});

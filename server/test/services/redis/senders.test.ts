/**
 * What a sender and a reader see of Redis: two HTTP processes that keep one limit and share answers, and the same
 * installation while Redis is killed, emptied and frozen, or refuses the password.
 *
 * Control: without shared limits the two processes accept twice as much.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startRedis } from "../../../../testing/servers/redis.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import { until } from "../../../../testing/until.ts";
import { type RunningWeir, startWeir } from "../../helpers/weir.ts";

const needed = await requireServers("redis");
const limit = { rate: 5, burst: 400 };
/** With connections of their own, these reach both processes. */
const manyRefusals = 30;

async function startTwo(t: TestContext, environment: Readonly<Record<string, string>>) {
  const weir = await startWeir(t, {
    environment: {
      WEIR_HTTP_PROCESSES: "2",
      WEIR_INGEST_RATE_LIMIT_EVENTS_PER_SECOND: String(limit.rate),
      WEIR_INGEST_RATE_LIMIT_BURST_EVENTS: String(limit.burst),
      ...environment,
    },
  });
  return { weir, ...clientOf(weir) };
}

/** Each request has a connection of its own, so that both processes get some. */
function clientOf({ run, adminKey }: RunningWeir) {
  const ask = (path: string, body?: string) =>
    fetch(run.url + path, {
      ...(body === undefined ? {} : { method: "POST", body }),
      headers: { "x-api-key": adminKey, "content-type": "application/json", connection: "close" },
    });
  const send = async (events: number) => {
    const body = JSON.stringify(Array.from({ length: events }, () => ({ event_type: "x" })));
    const { status } = await ask("/api/events/batch", body);
    assert.ok(status === 202 || status === 429, String(status));
    return status;
  };
  /** Events that are accepted until so many requests in a row were refused, and the limit of that time. */
  const flood = async (refusals: number) => {
    const began = performance.now();
    let accepted = 0;
    for (let refused = 0; refused < refusals; ) {
      if ((await send(20)) === 429) refused++;
      else {
        accepted += 20;
        refused = 0;
      }
    }
    const passed = (performance.now() - began) / 1_000;
    return { accepted, allowed: limit.burst + passed * limit.rate };
  };
  return { ask, send, flood };
}

const shared = (url: string) => ({
  WEIR_REDIS_URL: url,
  WEIR_LIMITS_DRIVER: "redis",
  WEIR_CACHE_DRIVER: "redis",
});

test(
  "two processes: one limit, one answer for both, and Redis killed, emptied and frozen",
  needed,
  async (t) => {
    const redis = await startRedis(t);
    const { ask, send, flood } = await startTwo(t, shared(redis.url));
    const health = async () =>
      ((await (await ask("/health/redis")).json()) as { status: string }).status;
    await until(async () => (await health()) === "ok", { what: "Redis to be used" });

    const { accepted, allowed } = await flood(manyRefusals);
    t.diagnostic(`${accepted} accepted of ${Math.round(allowed)} allowed`);
    assert.ok(accepted <= allowed * 1.01, `${accepted} of ${allowed}`);
    assert.ok(accepted >= allowed * 0.99 - 20, `${accepted} of ${allowed}`);

    const states = new Set<string | null>();
    const question = "/api/analytics/overview?from=2026-01-01&to=2026-02-01";
    const read = async () => {
      const answer = await ask(question);
      assert.equal(answer.status, 200);
      states.add(answer.headers.get("x-cache"));
      return (await answer.json()) as { current: { events: number } };
    };
    await until(async () => (await read()) && states.has("hit"), { what: "a shared answer" });

    await redis.kill();
    // both processes have full local buckets: nothing is refused for the lack of Redis
    for (let n = 0; n < 10; n++) assert.equal(await send(20), 202);
    states.clear();
    await read();
    assert.ok(!states.has("hit"), [...states].join());
    assert.equal((await ask("/health/redis")).status, 200);
    assert.equal(await health(), "degraded");
    assert.equal((await ask("/health/ready")).status, 200);

    await redis.start();
    await until(async () => (await health()) === "ok", { what: "Redis to be used again" });
    await until(async () => (await send(20)) === 202, { what: "the shared limit" });
    redis.freeze();
    const began = performance.now();
    for (let n = 0; n < 5; n++) assert.equal(await send(1), 202);
    await read();
    assertWithin(performance.now() - began, 5_000, "six answers without Redis");
    redis.continue();
    await until(async () => (await health()) === "ok", { what: "Redis after the freeze" });
    // each process finds out by itself, and reports its metrics every few seconds
    const metrics = await until(
      async () => {
        const text = await (await ask("/metrics")).text();
        const up = text.match(/^weir_redis_up\{.*\} \d$/gm) ?? [];
        return up.length === 2 && up.every((line) => line.endsWith(" 1")) && text;
      },
      { what: "both processes to report that Redis is up" },
    );
    assert.match(metrics, /^weir_rate_limit_decisions_total\{.*by="local".*\} [1-9]/m);
  },
);

test("a wrong password costs a warning and the shared limit, no event", needed, async (t) => {
  const redis = await startRedis(t, { password: "right" });
  const { ask, send } = await startTwo(t, {
    ...shared(redis.url),
    WEIR_REDIS_PASSWORD: "wrong",
  });
  for (let n = 0; n < 10; n++) assert.equal(await send(20), 202);
  const health = await (await ask("/health/redis")).text();
  assert.match(health, /degraded/);
  assert.match(health, /WRONGPASS|does not answer/);
  assert.doesNotMatch(health, /right|"wrong"/);
});

test("control: without shared limits two processes accept more than one limit", async (t) => {
  const { flood } = await startTwo(t, {});
  const { accepted, allowed } = await flood(manyRefusals);
  assert.ok(accepted > allowed * 1.5, `${accepted} of ${allowed}`);
});

/** The cache of answers in a real Redis: conformance, one computation for two processes, and a Redis that fails. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { type RedisServer, startRedis } from "../../../../testing/servers/redis.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import { until } from "../../../../testing/until.ts";
import { cacheConformance } from "../../../src/adapters/cache/conformance.ts";
import { RedisCache } from "../../../src/adapters/redis/cache.ts";
import { AnswerCache } from "../../../src/parts/query/answer-cache.ts";
import { connectRedis } from "../../helpers/redis-connection.ts";

const needed = await requireServers("redis");

cacheConformance(
  "redis",
  async (t) => new RedisCache((await connectRedis(t, await startRedis(t))).redis),
  needed,
);

/** Two caches with connections of their own, as two processes have, and a question that counts its computations. */
async function twoProcesses(t: TestContext, server: RedisServer) {
  const { app } = await createTestDatabase(t);
  let computed = 0;
  const open = async () => {
    const { redis } = await connectRedis(t, server);
    const answers = new AnswerCache({
      ...{ cache: new RedisCache(redis), database: app, version: "1", maxAgeMs: () => 60_000 },
      ...{ maxBytes: 1_000_000, random: Math.random, onAnswer() {} },
    });
    const ask = (question: string) =>
      answers.answer({
        question: [question],
        signal: new AbortController().signal,
        async compute() {
          computed++;
          return { question, text: "ğ€", number: "1.10" };
        },
      });
    return { redis, ask };
  };
  return { one: await open(), other: await open(), computed: () => computed };
}

test("many requests to two processes cause one computation", needed, async (t) => {
  const { one, other, computed } = await twoProcesses(t, await startRedis(t));
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? one : other).ask("overview")),
  );
  assert.equal(computed(), 1);
  for (const { answer } of all) {
    assert.deepEqual(answer, { question: "overview", text: "ğ€", number: "1.10" });
  }
});

test(
  "Redis killed, frozen or emptied: the same answers, computed for each process",
  needed,
  async (t) => {
    const server = await startRedis(t);
    const { one, other, computed } = await twoProcesses(t, server);
    const expectAnswer = async (by: typeof one, limitMs: number) => {
      const began = performance.now();
      const { answer, state } = await by.ask("overview");
      assert.equal(answer.text, "ğ€");
      assertWithin(performance.now() - began, limitMs, "an answer");
      return state;
    };
    assert.equal(await expectAnswer(one, 5_000), "miss");
    assert.equal(await expectAnswer(other, 5_000), "hit");

    await one.redis.command(["FLUSHALL"]);
    assert.equal(await expectAnswer(other, 5_000), "miss");

    server.freeze();
    const before = computed();
    await expectAnswer(one, 2_000);
    assert.ok(computed() > before);
    server.continue();
    await until(async () => (await one.ask("overview")).state === "hit", { what: "Redis" });

    await server.kill();
    assert.equal(await expectAnswer(one, 2_000), "bypass");
    await server.start();
    await until(() => one.redis.isUp && other.redis.isUp, { what: "both connections" });
    assert.equal(await expectAnswer(one, 5_000), "miss");
    assert.equal(await expectAnswer(other, 5_000), "hit");
  },
);

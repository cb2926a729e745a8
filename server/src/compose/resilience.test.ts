import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import { loadConfig } from "../config/load.ts";
import { composeBreakerCheck, composeResilience } from "./resilience.ts";

class Unavailable extends Error {
  readonly retryable = true;
}

async function makeProcess(part: string) {
  const loaded = loadConfig({
    env: {
      WEIR_RESILIENCE_GUARDS_DEFAULT_BREAKER_CONSECUTIVE_FAILURES: "1",
      WEIR_RESILIENCE_GUARDS_DELIVERY_BREAKER_CONSECUTIVE_FAILURES: "1",
      WEIR_RESILIENCE_POLICIES_DEFAULT_ATTEMPTS: "1",
      WEIR_RESILIENCE_MAX_NAMED_GUARDS: "60",
    },
    cwd: import.meta.dirname,
  });
  const metrics = createMetrics(part);
  const logger = pino({ enabled: false });
  const resilience = composeResilience({ config: () => loaded, logger, metrics });
  const fail = (guard: string) =>
    assert.rejects(
      resilience.guard(guard).execute(() => Promise.reject(new Unavailable())),
      Unavailable,
    );
  /** The values of a metric by its label `guard`. */
  const values = async (name: string) => {
    const found = (await metrics.objects()).find((metric) => metric.name === name);
    return new Map(found?.values?.map(({ labels, value }) => [labels["guard"], value]));
  };
  return { resilience, fail, values };
}

test("metrics show the worst guard of a kind, and a bounded number of single ones", async () => {
  const { resilience, fail, values } = await makeProcess("http");
  resilience.guard("vector_store");
  for (let id = 0; id < 70; id++) await resilience.guard(`delivery:${id}`).execute(async () => {});
  await fail("delivery:69");

  const states = await values("weir_breaker_state");
  assert.equal(states.get("vector_store"), 0);
  assert.equal(states.get("delivery"), 2);
  assert.equal([...states.keys()].filter((name) => `${name}`.includes(":")).length, 50);
  assert.deepEqual(
    [...(await values("weir_guards"))],
    [
      ["vector_store", 1],
      ["delivery", 60],
    ],
  );
  assert.deepEqual([...(await values("weir_guards_evicted_total"))], [["delivery", 10]]);
  assert.deepEqual([...(await values("weir_guard_failures_total"))], [["delivery", 1]]);
});

test("health shows the worst breaker of each kind, over all processes", async () => {
  const { resilience, fail } = await makeProcess("http");
  resilience.guard("vector_store");
  await fail("delivery:1");
  const published = [
    { labels: { guard: "vector_store", part: "stream" }, value: 1 },
    { labels: { guard: "delivery", part: "stream" }, value: 0 },
    { labels: { guard: "delivery:7", part: "stream" }, value: 0 },
  ];
  const database = { query: async <Row>() => published as unknown as Row[] };
  assert.deepEqual(await composeBreakerCheck(resilience, database)(), {
    status: "degraded",
    detail:
      "no answer from vector_store (called by stream), delivery (called by http); Weir keeps trying",
    facts: { vector_store: "HALF_OPEN", delivery: "OPEN" },
  });
});

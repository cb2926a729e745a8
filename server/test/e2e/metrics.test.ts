/** What an operator scrapes and probes: real counts, real ages, and the permission that guards them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { freezeServer } from "../helpers/frozen-server.ts";
import { startWeir } from "../helpers/weir.ts";

test("metrics count what was sent and say how old the windows are; health follows the database", async (t) => {
  const weir = await startWeir(t);
  const ask = (path: string, key = weir.adminKey) =>
    fetch(`${weir.run.url}${path}`, { headers: { "x-api-key": key } });
  const send = (body: string) =>
    fetch(`${weir.run.url}/api/events/batch`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": weir.adminKey },
      body,
    });
  await send('[{"event_id":"a","event_type":"x"},{"event_id":"a","event_type":"x"},{"no":1}]');

  const text = await until(
    async () => {
      const metrics = await (await ask("/metrics")).text();
      return /^weir_etl_folded_events\{[^}]*\} 1$/m.test(metrics) ? metrics : undefined;
    },
    { what: "the event to be folded" },
  );
  const value = (pattern: RegExp) => Number(pattern.exec(text)?.[1]);
  assert.equal(value(/^weir_ingest_events_total\{.*verdict="accepted".*\} (\d+)$/m), 1);
  assert.equal(value(/^weir_ingest_events_total\{.*verdict="duplicate".*\} (\d+)$/m), 1);
  assert.equal(value(/^weir_ingest_events_total\{.*verdict="rejected".*\} (\d+)$/m), 1);
  assert.ok(value(/^weir_etl_heartbeat_age_seconds\{.*\} ([\d.]+)$/m) < 10);
  assert.equal((await fetch(`${weir.run.url}/metrics`)).status, 401);

  assert.equal((await fetch(`${weir.run.url}/health/ready`)).status, 200);
  // A frozen PostgreSQL, not a missing one: the probe must not hang.
  const thaw = freezeServer(t, weir.run.pids["postgres"] as number, weir.process.pid);
  try {
    const took = async (work: () => Promise<Response>) => {
      const began = performance.now();
      const response = await work();
      return { response, ms: performance.now() - began };
    };
    const probe = await took(() => fetch(`${weir.run.url}/health/ready`));
    assert.equal(probe.response.status, 503);
    assertWithin(probe.ms, 2_500, "the probe");
    const refused = await took(() => send('[{"event_type":"x"}]'));
    assert.equal(refused.response.status, 503);
    assert.ok(refused.response.headers.has("retry-after"));
    assertWithin(refused.ms, 2_000, "the refusal");
  } finally {
    thaw();
  }
  await until(async () => (await fetch(`${weir.run.url}/health/ready`)).status === 200, {
    what: "readiness to come back by itself",
  });
});

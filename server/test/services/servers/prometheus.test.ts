import assert from "node:assert/strict";
import { test } from "node:test";
import { startPrometheus } from "../../../../testing/servers/prometheus.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";

const needed = await requireServers("prometheus");

test("A real Prometheus answers queries and survives SIGKILL", needed, async (t) => {
  const prometheus = await startPrometheus(t);
  const ask = async () => {
    const response = await fetch(`${prometheus.url}/api/v1/query?query=1%2B1`);
    return ((await response.json()) as { data: { result: [number, string] } }).data.result[1];
  };
  assert.equal(await ask(), "2");
  await prometheus.kill();
  await assert.rejects(ask());
  await prometheus.start();
  assert.equal(await ask(), "2");
});

/** What a person at a terminal does with Weir: start, Ctrl-C, kill -9, start again, mistype. */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

const stopLimitMs = 5_000;

test("Ctrl-C stops everything within 5 s, with a live feed open, and leaves no process", async (t) => {
  const weir = await startWeir(t);
  const socket = new WebSocket(`${weir.run.url.replace("http", "ws")}/ws/events`, {
    headers: { "x-api-key": weir.adminKey },
  } as unknown as string[]);
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  const began = performance.now();
  assert.equal(await weir.stop(), 0);
  assertWithin(performance.now() - began, stopLimitMs, "the stop");
  assert.deepEqual(Object.values(weir.run.pids).filter(isAlive), []);
  assert.equal(existsSync(join(weir.dataDir, "run.json")), false, "run.json is removed");
});

test("after kill -9 of the supervisor its processes end, and the next start recovers by itself", async (t) => {
  const dataDir = await createTestFolder(t);
  const first = await startWeir(t, { dataDir });
  await send(first, "before-the-kill");
  first.process.kill("SIGKILL");
  const { http = 0, etl = 0 } = first.run.pids;
  await until(() => !isAlive(http) && !isAlive(etl), { what: "the parts to end by themselves" });

  const second = await startWeir(t, { dataDir });
  assert.equal(second.adminKey, first.adminKey);
  assert.deepEqual(await verdictOf(second, "before-the-kill"), "duplicate");
  assert.equal(await second.stop(), 0);
});

test("an HTTP process that is killed comes back at its address, also one it chose itself", async (t) => {
  const weir = await startWeir(t);
  const { http = 0 } = weir.run.pids;
  process.kill(http, "SIGKILL");
  await until(() => !isAlive(http), { what: "the HTTP process to end" });
  await until(
    async () => {
      const response = await fetch(`${weir.run.url}/health/ready`).catch(() => undefined);
      return response?.status === 200;
    },
    { what: "an answer at the same address" },
  );
});

test("run.json and the key files are for their owner only, and no port beyond loopback is open", async (t) => {
  const weir = await startWeir(t, { arguments: ["--rate", "1"] });
  for (const file of [join(weir.dataDir, "run.json"), weir.run.keys.admin, weir.run.keys.demo]) {
    assert.ok(file !== null, "both keys have files");
    assert.equal(statSync(file).mode & 0o077, 0, file);
  }
  assert.match(weir.run.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(weir.output(), /Sign in +http:\/\/127/);
  assert.match(weir.output(), /curl http:/);
});

test("a taken port, an unknown setting and an unknown command are sentences, not stacks", async (t) => {
  const weir = await startWeir(t);
  const { port } = new URL(weir.run.url);
  const dataDir = await createTestFolder(t);
  const taken = await runCommand(["up", "--data", dataDir, "--port", port, "--no-demo"]);
  assert.equal(taken.exitCode, 1);
  assert.match(
    taken.output,
    /port \d+ on 127\.0\.0\.1 is already in use \(from --port\)\n.*--port 0/,
  );
  const unknown = await runCommand(["config", "check"], { WEIR_HTTP_PROT: "1" });
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.output, /did you mean WEIR_HTTP_PORT/);
  const mistyped = await runCommand(["stauts"]);
  assert.equal(mistyped.exitCode, 2);
  assert.match(mistyped.output, /Did you mean status/);
  for (const { output } of [taken, unknown, mistyped]) assert.doesNotMatch(output, /\n +at /);
});

test("in production there is no demo, no demo key, and a key of development opens nothing", async (t) => {
  const dataDir = await createTestFolder(t);
  const development = await startWeir(t, { dataDir, arguments: ["--rate", "1"] });
  assert.ok(development.run.keys.demo !== null);
  await development.stop();
  const production = await startWeir(t, {
    dataDir,
    arguments: [],
    environment: { WEIR_ENV: "production" },
  });
  assert.equal(production.run.pids["demo"], undefined);
  assert.equal(production.run.keys.demo, null);
  assert.notEqual(production.adminKey, development.adminKey);
  const response = await fetch(`${production.run.url}/healthz`, {
    headers: { "x-api-key": development.adminKey },
  });
  assert.equal(response.status, 401);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function send({ run, adminKey }: RunningWeir, id: string): Promise<Response> {
  return fetch(`${run.url}/api/events/`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": adminKey },
    body: JSON.stringify({ event_id: id, event_type: "start.test" }),
  });
}

async function verdictOf(weir: RunningWeir, id: string): Promise<string | undefined> {
  return ((await (await send(weir, id)).json()) as { verdict?: string }).verdict;
}

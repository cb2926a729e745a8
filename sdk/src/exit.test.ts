import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
  answer,
  type MisbehavingServer,
  startMisbehavingServer,
  until,
} from "../test/misbehaving-server.ts";
import { createClient } from "./client.ts";

const here = new URL("..", import.meta.url).pathname;

/** Runs a separate program; resolves with its output and run time. */
async function runProgram(t: TestContext, server: MisbehavingServer, program: string) {
  // inside the package, so that `@weir/sdk` is resolved as in a user's program
  const folder = mkdtempSync(join(here, "test", ".run-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "program.ts");
  writeFileSync(file, program);
  const started = Date.now();
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: { ...process.env, WEIR_URL: server.url, WEIR_KEY: "weir_test_key" },
    timeout: 20_000,
  });
  return { stdout, stderr, ms: Date.now() - started };
}

const makeClient = (options: string) => `
  import { createClient } from "@weir/sdk";
  const client = createClient({
    url: process.env.WEIR_URL ?? "", key: "k", batch: { delayMs: 60 }, ${options}
    onDrop: (drop) => console.log("dropped", drop.reason),
  });
`;

test("a Node program that ends sends its queue", async (t) => {
  const server = await startMisbehavingServer(t);
  const program = `${makeClient("")} client.track({ event_type: "last.words" });`;
  const { stdout } = await runProgram(t, server, program);
  assert.equal(server.accepted.size, 1);
  assert.equal(stdout, "");
});

test("a server that is down delays a program's exit only up to the limits, and the loss is reported", async (t) => {
  const server = await startMisbehavingServer(t);
  for (const behaviour of [
    (_: unknown, response: Parameters<typeof answer>[0]) => answer(response, 503, {}),
    () => undefined,
  ]) {
    server.behave(behaviour);
    const program = `${makeClient("exitTimeoutMs: 300, requestTimeoutMs: 500,")} client.track({ event_type: "x" });`;
    const { stdout, ms } = await runProgram(t, server, program);
    assert.equal(stdout, "dropped exit\n");
    assert.ok(ms < 5_000, `${ms} ms`);
  }
});

test("a page that is hidden sends its queue with keepalive, uncompressed and under 64 KiB", async (t) => {
  const server = await startMisbehavingServer(t);
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const window = new EventTarget();
  const globals = globalThis as Record<string, unknown>;
  globals["document"] = page;
  globals["addEventListener"] = window.addEventListener.bind(window);
  globals["removeEventListener"] = window.removeEventListener.bind(window);
  t.after(() => {
    for (const name of ["document", "addEventListener", "removeEventListener"]) {
      delete globals[name];
    }
  });
  const sent: RequestInit[] = [];
  const client = createClient({
    url: server.url,
    key: "k",
    batch: { delayMs: 60_000 },
    fetch: (input, init) => {
      sent.push(init ?? {});
      return fetch(input, init);
    },
  });
  t.after(() => client.close({ timeoutMs: 0 }));
  for (let n = 0; n < 200; n++) client.track({ event_type: "x", user_id: "u".repeat(250) });
  await new Promise((resolve) => setImmediate(resolve));
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  await until(() => server.accepted.size > 100);
  await until(() => client.stats().accepted === server.accepted.size);
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.keepalive, true);
  assert.ok((server.requests[0]?.bodyBytes ?? 0) <= 64 * 1024);
  assert.equal(server.requests[0]?.headers["content-encoding"], undefined);

  window.dispatchEvent(new Event("offline"));
  assert.equal(client.stats().state, "offline");
  const waiting = client.stats().queued;
  assert.ok(waiting > 0);
  window.dispatchEvent(new Event("online"));
  await until(() => client.stats().queued === 0);
  assert.equal(server.accepted.size, 200);
});

test("every code block of README.md runs", async (t) => {
  const server = await startMisbehavingServer(t);
  const readme = readFileSync(join(here, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
  assert.ok(blocks.length >= 3);
  for (const block of blocks) {
    const { stderr } = await runProgram(t, server, block);
    assert.equal(stderr, "");
  }
  assert.equal(server.accepted.size, 1 + 2_001 + 1);
});

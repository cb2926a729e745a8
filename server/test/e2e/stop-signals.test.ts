/**
 * A signal to npm, the launcher or the supervisor ends all of Weir, in every state of its life, and the next
 * start works. A killed process (SIGKILL) takes the others with it.
 *
 * CI tries every sender with every signal, each in another state, and every state. WEIR_TEST_SIGNALS=all tries
 * all combinations.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import {
  type Checkout,
  findProcess,
  npmStart,
  smallCheckout,
  untilNoProcess,
} from "../helpers/npm-start.ts";

const isLinux = process.platform === "linux";
/** The supervisor promises 5 s for its children and PostgreSQL needs a moment; a busy machine needs more. */
const endLimitMs = 15_000;

const senders = {
  npm: /^npm start|npm-cli\.js.* start/,
  launcher: /scripts\/launch\.mjs/,
  supervisor: /server\/src\/main\.ts up/,
} as const;
type Sender = keyof typeof senders;

const signals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const;

const states = {
  installing: () => false,
  "creating the cluster": (dataDir: string) =>
    filesOf(join(dataDir, "postgres", "cluster")).some((name) => name.startsWith("data.new-")),
  "starting PostgreSQL": (dataDir: string) => existsSync(pidFile(dataDir)),
  migrating: (dataDir: string) =>
    existsSync(pidFile(dataDir)) && /^ready/m.test(readFileSync(pidFile(dataDir), "utf8")),
  "starting the processes": (dataDir: string) => existsSync(join(dataDir, "logs", "weir.log")),
  running: (dataDir: string) => readRunFile(dataDir) !== undefined,
} as const;
type State = keyof typeof states;

const pidFile = (dataDir: string) => join(dataDir, "postgres", "cluster", "data", "postmaster.pid");

function filesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

interface Case {
  readonly sender: Sender;
  readonly signal: (typeof signals)[number];
  readonly state: State;
}

function cases(): readonly Case[] {
  const all: Case[] = [];
  for (const sender of Object.keys(senders) as Sender[]) {
    for (const signal of signals) {
      for (const state of Object.keys(states) as State[]) {
        // the supervisor is started when everything is installed
        if (sender !== "supervisor" || state !== "installing") all.push({ sender, signal, state });
      }
    }
  }
  if (process.env["WEIR_TEST_SIGNALS"] === "all") return all;
  const names = Object.keys(states);
  return all.filter(({ sender, signal, state }) => {
    const turn = Object.keys(senders).indexOf(sender) * 2 + signals.indexOf(signal);
    const chosen = names[turn % names.length];
    return state === (sender === "supervisor" && chosen === "installing" ? "running" : chosen);
  });
}

for (const { sender, signal, state } of cases()) {
  test(`${signal} to ${sender} while ${state} ends everything`, { skip: !isLinux }, async (t) => {
    const { dataDir, checkout, started } = await start(t, state);
    await until(() => reached(state, { dataDir, started }), {
      what: () => `the state "${state}":\n${started.output()}`,
      everyMs: 5,
      timeoutMs: 60_000,
    });
    const pid = findProcess(dataDir, senders[sender]);
    assert.ok(pid !== undefined, `${sender} runs`);
    process.kill(pid, signal);
    await started.ended;
    await untilNoProcess(dataDir, endLimitMs);
    if (state !== "running") return;
    assert.equal(
      existsSync(join(dataDir, "run.json")),
      signal === "SIGKILL" && sender === "supervisor",
    );
    const second = npmStart(t, checkout, { dataDir });
    await until(() => second.output().includes("Press Ctrl-C"), {
      what: () => `a second start:\n${second.output()}`,
      timeoutMs: 60_000,
    });
  });
}

type Reached = { readonly dataDir: string; readonly started: ReturnType<typeof npmStart> };

function reached(state: State, { dataDir, started }: Reached): boolean {
  if (state === "installing") return findProcess(dataDir, /npm(-cli\.js)? ci /) !== undefined;
  assert.equal(started.npm.exitCode, null, started.output());
  return states[state](dataDir);
}

async function start(t: TestContext, state: State) {
  const dataDir = await createTestFolder(t);
  const checkout = await smallCheckout(t);
  const registry = state === "installing" ? await silentRegistry(t, checkout) : undefined;
  const started = npmStart(t, checkout, {
    dataDir,
    ...(registry === undefined ? {} : { registry }),
  });
  return { dataDir, checkout, started };
}

async function silentRegistry(t: TestContext, checkout: Checkout): Promise<string> {
  const server = createServer((socket) => socket.on("error", () => {}));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  checkout.requireFrom(url);
  return url;
}

for (const [signal, group] of [
  ["SIGINT", "Ctrl-C"],
  ["SIGKILL", "a kill"],
  ["SIGHUP", "a closed terminal"],
] as const) {
  test(`${group} of the whole process group ends everything`, { skip: !isLinux }, async (t) => {
    const { dataDir, started } = await start(t, "running");
    await until(() => reached("running", { dataDir, started }), {
      what: started.output,
      timeoutMs: 60_000,
    });
    process.kill(-(started.npm.pid ?? 0), signal);
    await started.ended;
    await untilNoProcess(dataDir, endLimitMs);
  });
}

test("a second Ctrl-C stops without waiting, also for a process that is frozen", {
  skip: !isLinux,
}, async (t) => {
  const { dataDir, started } = await start(t, "running");
  await until(() => reached("running", { dataDir, started }), {
    what: started.output,
    timeoutMs: 60_000,
  });
  const { etl = 0, postgres = 0 } = readRunFile(dataDir)?.pids ?? {};
  for (const pid of [etl, postgres]) process.kill(pid, "SIGSTOP");
  const group = -(started.npm.pid ?? 0);
  process.kill(group, "SIGINT");
  await until(() => started.output().includes("Stopping"), { what: started.output });
  // a repetition within half a second is the same Ctrl-C
  await new Promise((resolve) => setTimeout(resolve, 700));
  process.kill(group, "SIGINT");
  await started.ended;
  await untilNoProcess(dataDir, endLimitMs);
});

test("the supervisor's exit codes: 0 after a stop, 128 + n for a start that was interrupted", {
  skip: !isLinux,
}, async (t) => {
  for (const [state, signal, expected] of [
    ["running", "SIGTERM", 0],
    ["creating the cluster", "SIGTERM", 128 + constants.signals.SIGTERM],
    ["creating the cluster", "SIGINT", 128 + constants.signals.SIGINT],
  ] as const) {
    const { dataDir, started } = await start(t, state);
    await until(() => reached(state, { dataDir, started }), {
      what: started.output,
      everyMs: 5,
      timeoutMs: 60_000,
    });
    process.kill(findProcess(dataDir, senders.supervisor) ?? 0, signal);
    assert.equal(await started.ended, expected, started.output());
  }
});

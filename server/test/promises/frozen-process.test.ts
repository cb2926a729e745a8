/**
 * A process that freezes, by SIGSTOP or by an event loop that never turns, is replaced within 10 s; ingestion
 * continues while another part is frozen, nothing is lost or stored twice, and the windows equal the log.
 * WEIR_TEST_FREEZES=all freezes each kind of process in each way.
 *
 * Control: without the watchdog, a frozen process stays.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { serverProcesses } from "../../src/adapters/postgres/server-process.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import { readVitals } from "../../src/process/vitals.ts";
import { compareWithLedger, type Ledger, sendUntilAborted } from "../helpers/ledger.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

/**
 * On a machine with more runnable processes than cores everything takes longer, and the watchdog waits for an
 * endless loop to use its CPU time.
 */
const [load = 0] = loadavg();
const slowness = Math.max(1, load / availableParallelism() / 2);
const replaceLimitMs = 10_000 * slowness;
const senders = 4;
const ways = ["stopped", "looping"] as const;
type Freeze = readonly [process: string, way: (typeof ways)[number]];

/** The processes of a round freeze together. PostgreSQL has no event loop: it is only stopped. */
function rounds(): readonly (readonly Freeze[])[] {
  if (process.env["WEIR_TEST_FREEZES"] === "all") {
    return [
      ...["http", "etl", "stream", "demo"].flatMap((name) =>
        ways.map((way) => [[name, way]] as const),
      ),
      [["postmaster", "stopped"]],
      [["postgres", "stopped"]],
      [
        ["etl", "stopped"],
        ["postgres", "stopped"],
        ["stream", "looping"],
        ["demo", "stopped"],
      ],
    ];
  }
  return [
    [
      ["etl", "looping"],
      ["stream", "stopped"],
      ["demo", "stopped"],
    ],
    [["http", "looping"]],
    [["postgres", "stopped"]],
  ];
}

describe("frozen processes", { concurrency: 2, skip: process.platform !== "linux" }, () => {
  test("are replaced within 10 s: 0 lost, 0 twice, the windows equal the log", async (t) => {
    const { weir, ledger, stopSending } = await startUnderLoad(t);
    const frozen = new Map<string, number>();
    for (const round of rounds()) {
      const before = ledger.acknowledged.size;
      await until(() => ledger.acknowledged.size > before + 100, { what: "traffic" });
      const longest = await longestSilence(ledger, () => freezeAll(weir, round));
      const names = round.map(([name]) => name);
      for (const name of names) frozen.set(name, (frozen.get(name) ?? 0) + 1);
      const needsIngestion = names.some((name) => /^(http|post)/.test(name));
      const limit = needsIngestion ? replaceLimitMs + 2_000 : 3_000 * slowness;
      assert.ok(longest < limit, `no event was acknowledged for ${longest} ms: ${names}`);
    }
    await assertReported(weir, frozen);
    await stopSending();
    assert.deepEqual(compareWithLedger(ledger, await storedIds(weir)), {
      lost: [],
      twice: [],
      phantoms: [],
    });
    const audit = await audited(weir);
    assert.equal(audit.exitCode, 0, audit.output);
    t.diagnostic(`${ledger.acknowledged.size} acknowledged, ${[...frozen]} frozen`);
  });

  test("control: without the watchdog a frozen process stays", async (t) => {
    const main = await buildWith(t, [
      { in: "process/supervisor.ts", from: "this.#watchdog.start();", to: "" },
    ]);
    const weir = await startWeir(t, { main });
    const { http = 0 } = weir.run.pids;
    process.kill(http, "SIGSTOP");
    await wait(12_000);
    assert.equal(readRunFile(weir.dataDir)?.pids["http"], http);
    await assert.rejects(
      fetch(`${weir.run.url}/health/live`, { signal: AbortSignal.timeout(1_000) }),
    );
  });
});

async function startUnderLoad(t: TestContext) {
  // a debugger's port of its own for each process: by it the event loop is blocked
  const environment = { NODE_OPTIONS: "--inspect-port=0" };
  const weir = await startWeir(t, { arguments: ["--rate", "1"], environment });
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const sending = Array.from({ length: senders }, () =>
    sendUntilAborted({
      url: weir.run.url,
      key: weir.adminKey,
      ledger,
      signal: stop.signal,
      makeId: () => `frozen-${randomUUID()}`,
      batch: 20,
    }),
  );
  return {
    weir,
    ledger,
    async stopSending() {
      stop.abort();
      await Promise.all(sending);
    },
  };
}

/** Freezes the processes of a round; resolves when each is replaced, or PostgreSQL runs on. */
async function freezeAll(weir: RunningWeir, round: readonly Freeze[]): Promise<void> {
  const before = pidsOf(weir);
  const began = performance.now();
  for (const [name, way] of round) {
    if (name === "postgres") await stopAll(await clusterProcesses(weir));
    else if (name === "postmaster") process.kill(before["postgres"] ?? 0, "SIGSTOP");
    else if (way === "stopped") process.kill(before[name] ?? 0, "SIGSTOP");
    else await blockEventLoop(weir, before[name] ?? 0);
  }
  if (round.some(([name]) => name.startsWith("post"))) {
    await until(() => isStopped(weir), { what: "PostgreSQL to stop" });
  }
  for (const [name] of round) {
    const isReplaced = name.startsWith("post")
      ? async () => !(await isStopped(weir))
      : async () => pidsOf(weir)[name] !== before[name];
    await until(isReplaced, {
      what: () => `${name} to be replaced:\n${logOf(weir).slice(-2_000)}`,
    });
  }
  const tookMs = performance.now() - began;
  assertWithin(tookMs, replaceLimitMs, JSON.stringify(round));
}

function pidsOf({ dataDir }: RunningWeir): Readonly<Record<string, number>> {
  return readRunFile(dataDir)?.pids ?? {};
}

function clusterProcesses({ dataDir }: RunningWeir): Promise<number[]> {
  return serverProcesses(realpathSync(join(dataDir, "postgres", "cluster", "data")));
}

async function stopAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
}

async function isStopped(weir: RunningWeir): Promise<boolean> {
  const pids = await clusterProcesses(weir);
  return pids.some((pid) => readVitals(pid)?.states.includes("T") === true);
}

/** As an endless loop in the code would: SIGUSR1 opens Node's debugger, which evaluates one. */
async function blockEventLoop(weir: RunningWeir, pid: number): Promise<void> {
  const opened = () => [
    ...logOf(weir).matchAll(/Debugger listening on (ws:\/\/[\d.:]+\/[\da-f-]+)/g),
  ];
  const before = opened().length;
  process.kill(pid, "SIGUSR1");
  const [, url = ""] = await until(() => opened()[before], { what: "the debugger's port" });
  const socket = await until(() => openSocket(url), { what: `the debugger at ${url}` });
  const params = { expression: "for (;;);" };
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params }));
}

/** Undefined when the debugger does not accept the connection yet. */
function openSocket(url: string): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.addEventListener("open", () => resolve(socket), { once: true });
    socket.addEventListener("error", () => resolve(undefined), { once: true });
  });
}

function logOf({ dataDir }: RunningWeir): string {
  return readFileSync(join(dataDir, "logs", "weir.log"), "utf8");
}

/** The longest time without a newly acknowledged event while `work` runs and until the next one after it. */
async function longestSilence(ledger: Ledger, work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let count = ledger.acknowledged.size;
  let at = performance.now();
  const look = () => {
    const now = performance.now();
    if (ledger.acknowledged.size === count) longest = Math.max(longest, now - at);
    else {
      at = now;
      count = ledger.acknowledged.size;
    }
  };
  const timer = setInterval(look, 20);
  try {
    await work();
    const after = ledger.acknowledged.size;
    await until(() => ledger.acknowledged.size > after, { what: "ingestion to continue" });
  } finally {
    clearInterval(timer);
  }
  return Math.round(longest);
}

/** Log, health and metrics name each restart with its reason. */
async function assertReported(
  weir: RunningWeir,
  frozen: ReadonlyMap<string, number>,
): Promise<void> {
  const get = async (path: string) => {
    const response = await fetch(`${weir.run.url}${path}`, {
      headers: { "x-api-key": weir.adminKey },
    });
    return response.text();
  };
  const { checks } = JSON.parse(await get("/health/processes"));
  const facts = checks.processes.facts;
  const metrics = await get("/metrics");
  const restarts = logOf(weir)
    .split("\n")
    .filter((line) => line.includes("ended and is restarted"));
  for (const [name, times] of frozen) {
    if (name.startsWith("post")) {
      assert.ok(facts.postgres.continued >= 1, JSON.stringify(facts));
      assert.match(metrics, /weir_process_continued_total\{[^}]*process="postgres"[^}]*\} [1-9]/);
      continue;
    }
    assert.equal(facts[name].restarts.frozen, times, JSON.stringify(facts));
    const series = [/^weir_process_restarts_total\{/, `process="${name}"`, 'reason="frozen"'];
    const line = metrics
      .split("\n")
      .find((text) =>
        series.every((part) => (part instanceof RegExp ? part.test(text) : text.includes(part))),
      );
    assert.equal(line?.split(" ").at(-1), String(times), name);
    const logged = restarts.filter(
      (text) => text.includes(`"process":"${name}"`) && text.includes('"reason":"frozen"'),
    );
    assert.equal(logged.length, times, name);
  }
}

async function storedIds({ dataDir }: RunningWeir): Promise<string[]> {
  const url = readRunFile(dataDir)?.database_url ?? "";
  await using pool = openPool({ url, applicationName: "ledger", max: 1 });
  const rows = await pool.query<{ id: string }>({
    text: "select event_ref as id from raw.events where event_ref like 'frozen-%'",
  });
  return rows.map(({ id }) => id);
}

/** Once the worker has read everything, the independent recomputation must find no difference. */
async function audited({ dataDir }: RunningWeir) {
  const url = readRunFile(dataDir)?.database_url ?? "";
  await using pool = openPool({ url, applicationName: "ledger", max: 1 });
  await until(
    async () => {
      const [row] = await pool.query<{ done: boolean }>({
        text: `select not exists (select from raw.events e, log.readers c
                 where c.name = 'windows' and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
      });
      return row?.done === true;
    },
    { what: "the windows to catch up", timeoutMs: 60_000 },
  );
  return runCommand(["--data", dataDir, "audit", "--from", today()]);
}

/** The demo's history fills the days before. */
function today(): string {
  return `${new Date().toISOString().slice(0, 10)}T00:00:00Z`;
}

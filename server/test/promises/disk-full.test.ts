/**
 * Promise: a full disk costs no accepted event and ends nothing. `weir up` runs with each of its folders on a
 * small disk of its own, and then with all of them on one. Each disk is filled: senders get 503 with
 * Retry-After on every route, reads, the dashboard and the live feed continue, readiness is false, and no process ends.
 * When there is space again everything continues by itself, and the raw log equals the ledger of the senders.
 * WEIR_TEST_DISK_ROUNDS sets how often each disk is filled.
 *
 * Controls: a build that throws what the log file throws loses its supervisor; a build that does not look at the
 * reserve lets PostgreSQL run into a full disk and panic.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import { compareWithLedger, type Ledger, sendUntilAborted } from "../helpers/ledger.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { mountProblem, putOnSmallDisk, type SmallDisk } from "../helpers/small-disk.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

const rounds = Number(process.env["WEIR_TEST_DISK_ROUNDS"] ?? 1);
const problem = mountProblem();
const options = { skip: problem ?? false };

const templateFolder = mkdtempSync(join(realpathSync(tmpdir()), "weir-test-"));
after(() => rmSync(templateFolder, { recursive: true, force: true }));
let template: Promise<void> | undefined;

/** An installation that was started once and stopped: a copy for each test, as a start takes some seconds. */
async function prepareFolders(t: TestContext) {
  template ??= fillTemplate();
  await template;
  const folder = await createTestFolder(t);
  execFileSync("cp", ["-a", `${templateFolder}/.`, folder]);
  return { dataDir: folder, data: join(folder, "postgres", "cluster", "data") };
}

async function fillTemplate(): Promise<void> {
  chmodSync(templateFolder, 0o711);
  // stopped here, and not at the end of the test that comes first
  const weir = await startWeir({ after() {} } as unknown as TestContext, {
    dataDir: templateFolder,
  });
  await weir.stop();
}

const sending = [
  ["/api/events/", "application/json", { event_type: "x" }],
  ["/api/events/batch", "application/json", [{ event_type: "x" }]],
  ["/v1/track", "application/json", { event: "x", userId: "u" }],
  ["/v1/batch", "application/json", { batch: [{ type: "track", event: "x", userId: "u" }] }],
  [
    "/cloudevents",
    "application/cloudevents+json",
    { specversion: "1.0", id: "full", source: "disk", type: "x" },
  ],
] as const;

async function assertRefusedEverywhere({ run, adminKey }: RunningWeir, disk: string) {
  for (const [path, type, body] of sending) {
    const response = await fetch(`${run.url}${path}`, {
      method: "POST",
      headers: { "content-type": type, "x-api-key": adminKey },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { code?: string };
    assert.equal(response.status, 503, `${disk} ${path}: ${JSON.stringify(answer)}`);
    assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.ok(Number(response.headers.get("retry-after")) > 0, path);
    assert.equal(answer.code, "storage_full");
  }
}

async function status({ run, adminKey }: RunningWeir, path: string): Promise<number> {
  const headers = { "x-api-key": adminKey };
  const signal = AbortSignal.timeout(5_000);
  const response = await fetch(`${run.url}${path}`, { headers, signal }).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status ?? 0;
}

/** Reads, dashboard and metrics answer. */
async function assertReadable(weir: RunningWeir, disk: string): Promise<void> {
  for (const path of [
    "/health/live",
    "/api/analytics/overview",
    "/api/events?limit=1",
    "/api/windows?size=hour&limit=1",
    "/metrics",
  ]) {
    // a busy machine may exceed the time limit of a query
    await until(async () => (await status(weir, path)) === 200, {
      what: `${disk}: 200 of ${path}`,
    });
  }
}

function untilReady(weir: RunningWeir, expected: 200 | 503, disk: string): Promise<unknown> {
  return until(async () => (await status(weir, "/health/ready")) === expected, {
    what: () => `readiness ${expected} with the disk of ${disk}:\n${weir.output()}`,
    timeoutMs: 60_000,
    everyMs: 50,
  });
}

function assertAllAlive({ dataDir, run, process: supervisor }: RunningWeir, disk: string): void {
  assert.equal(supervisor.exitCode, null, `${disk}: the supervisor runs`);
  const pids = readRunFile(dataDir)?.pids ?? {};
  for (const name of ["http", "etl", "stream"]) {
    assert.equal(pids[name], run.pids[name], `${disk}: ${name} was not restarted`);
  }
}

/** The live feed of a client that stays connected, by event id. */
async function openFeed(t: TestContext, { run, adminKey }: RunningWeir) {
  const socket = new WebSocket(`${run.url.replace("http", "ws")}/ws/events`, {
    headers: { "x-api-key": adminKey },
  } as unknown as string[]);
  t.after(() => socket.close());
  const feed = { events: 0, closed: false };
  socket.addEventListener("close", () => {
    feed.closed = true;
  });
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  socket.addEventListener("message", ({ data }) => {
    if (String(data).includes('"event_id"')) feed.events++;
  });
  return feed;
}

/** Sends all the time, and keeps the ledger outside Weir. */
function startSenders(t: TestContext, { run, adminKey }: RunningWeir, batch = 5) {
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const senders = Array.from({ length: 2 }, () =>
    sendUntilAborted({
      url: run.url,
      key: adminKey,
      ledger,
      signal: stop.signal,
      makeId: randomUUID,
      batch,
    }),
  );
  return {
    ledger,
    async stop() {
      stop.abort();
      await Promise.all(senders);
    },
    /** More events are acknowledged than now. */
    async untilProgress(what: string) {
      const before = ledger.acknowledged.size;
      await until(() => ledger.acknowledged.size > before + 20, {
        what: `events to be accepted: ${what}`,
        timeoutMs: 60_000,
      });
    },
  };
}

/** The raw log has what was acknowledged, once; windows equal it; nothing became a dead letter. */
async function assertNothingLost(
  { dataDir, run }: RunningWeir,
  ledger: Ledger,
): Promise<readonly string[]> {
  await using pool = openPool({ url: run.database_url, applicationName: "ledger", max: 1 });
  const rows = await pool.query<{ id: string }>({
    text: "select coalesce(event_ref, event_id::text) as id from raw.events",
  });
  const stored = rows.map(({ id }) => id);
  const ours = stored.filter((id) => ledger.sent.has(id));
  assert.deepEqual(compareWithLedger(ledger, ours), { lost: [], twice: [], phantoms: [] });
  await until(
    async () => {
      const [row] = await pool.query<{ done: boolean }>({
        text: `select not exists (select from raw.events e, log.readers c
                 where c.name in ('windows', 'stream') and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
      });
      return row?.done === true;
    },
    { what: "windows and stream to catch up", timeoutMs: 60_000 },
  );
  const [dead] = await pool.query<{ count: string }>({ text: "select count(*) from dlq.letters" });
  assert.equal(dead?.count, "0", "no dead letters");
  const audit = await runCommand(["--data", dataDir, "audit"]);
  assert.equal(audit.exitCode, 0, audit.output);
  return stored;
}

function logLines(dataDir: string): Record<string, unknown>[] {
  const folder = join(dataDir, "logs");
  return readdirSync(folder)
    .filter((name) => name.startsWith("weir.log"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function serverLog(data: string): string {
  const folder = join(data, "..", "log");
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("");
}

test(
  "each disk apart: full, refused with the reason, read meanwhile, and continued when there is space",
  options,
  async (t) => {
    const { dataDir, data } = await prepareFolders(t);
    const disks: Record<string, SmallDisk> = { state: putOnSmallDisk(t, dataDir, 160) };
    disks["data"] = putOnSmallDisk(t, data, 160);
    disks["wal"] = putOnSmallDisk(t, join(data, "pg_wal"), 128);
    disks["logs"] = putOnSmallDisk(t, join(dataDir, "logs"), 16);
    disks["cache"] = putOnSmallDisk(t, join(dataDir, "cache"), 16);
    disks["keys"] = putOnSmallDisk(t, join(dataDir, "keys"), 1);
    const weir = await startWeir(t, { dataDir });
    const feed = await openFeed(t, weir);
    const senders = startSenders(t, weir);
    for (let round = 0; round < rounds; round++) {
      for (const [name, disk] of Object.entries(disks)) {
        await senders.untilProgress(`before the disk of ${name} is full`);
        disk.fill();
        await untilReady(weir, 503, name);
        await assertRefusedEverywhere(weir, name);
        await assertReadable(weir, name);
        if (name === "logs") await logMoreThanWaits(weir);
        assertAllAlive(weir, name);
        assert.equal(feed.closed, false, `${name}: the live feed stays open`);
        const seen = feed.events;
        disk.empty();
        await untilReady(weir, 200, name);
        await senders.untilProgress(`after the disk of ${name} has space again`);
        await until(() => feed.events > seen, { what: `live events after ${name}` });
      }
    }
    await senders.stop();
    await assertNothingLost(weir, senders.ledger);
    assertAllAlive(weir, "all");
    assert.match(await metrics(weir), /weir_log_dropped_lines_total\{[^}]*to="file"[^}]*\} [1-9]/);
    await weir.stop();
    const messages = logLines(dataDir).map(({ msg }) => String(msg));
    const count = (text: string) => messages.filter((message) => message.startsWith(text)).length;
    const filled = rounds * Object.keys(disks).length;
    // those of the disk of the logs wait or are dropped
    for (const text of ["no events are accepted", "events are accepted again"]) {
      assert.ok(count(text) <= filled, `${count(text)} times "${text}"`);
      assert.ok(count(text) >= filled - rounds, `${count(text)} times "${text}"`);
    }
    assert.ok(count("log lines were dropped") >= 1);
    t.diagnostic(`${senders.ledger.acknowledged.size} acknowledged, ${filled} times full`);
  },
);

/** Each read has a line in the log; a mebibyte of them waits for space. */
async function logMoreThanWaits(weir: RunningWeir): Promise<void> {
  const reader = async () => {
    for (let n = 0; n < 700; n++)
      await status(weir, `/api/events?limit=1&event_type=${"x".repeat(64)}`);
  };
  await Promise.all(Array.from({ length: 8 }, reader));
}

async function metrics({ run, adminKey }: RunningWeir): Promise<string> {
  const response = await fetch(`${run.url}/metrics`, { headers: { "x-api-key": adminKey } });
  return response.text();
}

test(
  "all on one disk, so full that PostgreSQL panics: it is restarted until there is space, and nothing is lost",
  options,
  async (t) => {
    const { dataDir } = await prepareFolders(t);
    const disk = putOnSmallDisk(t, dataDir, 256);
    const weir = await startWeir(t, { dataDir });
    const senders = startSenders(t, weir);
    await senders.untilProgress("before the disk is full");
    disk.fill();
    await untilReady(weir, 503, "everything");
    await assertRefusedEverywhere(weir, "everything");
    await until(() => panicked(weir.run), { what: "PostgreSQL to panic", timeoutMs: 60_000 });
    assert.equal(weir.process.exitCode, null, "the supervisor runs");
    assert.equal(await status(weir, "/health/live"), 200);
    assert.equal(await status(weir, "/health/ready"), 503);
    disk.empty();
    await untilReady(weir, 200, "everything");
    await senders.untilProgress("after there is space again");
    await senders.stop();
    await assertNothingLost(weir, senders.ledger);
    await weir.stop();
    assert.ok(logLines(dataDir).length > 0);
  },
);

/** Writes into the log of PostgreSQL until it cannot be reached any more. */
async function panicked({ database_url: url }: RunningWeir["run"]): Promise<boolean> {
  await using pool = openPool({ url, applicationName: "panic", max: 1, connectTimeoutMs: 500 });
  try {
    await pool.query({ text: "select pg_logical_emit_message(true, 'fill', repeat('x', 900000))" });
    await pool.query({ text: "select pg_switch_wal()" });
    return false;
  } catch {
    return true;
  }
}

/** The write-ahead log has less space than its reserve, and senders send. */
async function sendIntoTheReserve(t: TestContext, main?: string) {
  const { dataDir, data } = await prepareFolders(t);
  const wal = putOnSmallDisk(t, join(data, "pg_wal"), 96);
  const weir = await startWeir(t, { dataDir, ...(main === undefined ? {} : { main }) });
  const senders = startSenders(t, weir, 500);
  await senders.untilProgress("before the disk is filled");
  wal.fill(18 * 2 ** 20);
  return {
    ...{ weir, senders, wal },
    /** Next to nothing is left: what is still written meets a full disk. */
    takeReserve: () => wal.fill(3 * 2 ** 20),
    panics: () => serverLog(data).includes("PANIC"),
  };
}

test("below the reserve events stop, and PostgreSQL does not panic", options, async (t) => {
  const { weir, senders, wal, takeReserve, panics } = await sendIntoTheReserve(t);
  await untilReady(weir, 503, "wal");
  await assertRefusedEverywhere(weir, "wal");
  takeReserve();
  for (let n = 0; n < 20; n++) {
    await assertRefusedEverywhere(weir, "wal");
    await assertReadable(weir, "wal");
  }
  wal.empty();
  await untilReady(weir, 200, "wal");
  await senders.untilProgress("after there is space again");
  await senders.stop();
  await assertNothingLost(weir, senders.ledger);
  assert.equal(panics(), false);
});

test(
  "control: a build that does not look at the reserve lets PostgreSQL panic",
  options,
  async (t) => {
    const main = await buildWith(t, [
      {
        in: "parts/storage/storage.ts",
        from: "this.refusal = sentenceOf(low) ?? (isHeld ? noSpaceSentence : undefined);",
        to: "this.refusal = undefined;",
      },
    ]);
    const { weir, wal, takeReserve, panics } = await sendIntoTheReserve(t, main);
    takeReserve();
    await until(panics, {
      what: () => `PostgreSQL to panic:\n${weir.output()}`,
      timeoutMs: 60_000,
    });
    wal.empty();
  },
);

test(
  "control: a build in which the log's error is thrown loses its supervisor to a full disk",
  options,
  async (t) => {
    const main = await buildWith(t, [
      {
        in: "adapters/telemetry/line-queue.ts",
        from: "await this.#untilRetry();",
        to: "throw error;",
      },
    ]);
    const { dataDir } = await prepareFolders(t);
    const logs = putOnSmallDisk(t, join(dataDir, "logs"), 4);
    const weir = await startWeir(t, { dataDir, main });
    logs.fill();
    await until(
      async () => {
        // has a line in the log
        await status(weir, "/api/events?limit=1");
        return weir.process.exitCode !== null;
      },
      { what: "the supervisor to end" },
    );
    logs.empty();
  },
);

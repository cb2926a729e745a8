/**
 * Promise: several workers, one of them frozen and woken late, or killed at any moment, count every
 * event once.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";
import { until } from "../../../testing/until.ts";
import { DatabaseError } from "../../src/core/ports/database.ts";
import { createLeaseTaker } from "../../src/parts/etl/lease.ts";
import { runStep } from "../../src/parts/etl/step.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import { createEtlDatabase, mutate } from "../helpers/etl/database.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../helpers/etl/window-oracle.ts";

const script = fileURLToPath(new URL("./etl-worker-process.ts", import.meta.url));
const kills = Number(process.env["WEIR_TEST_ETL_KILLS"] ?? 3);

test("a worker that freezes is replaced within seconds, and counts nothing when it wakes up", async (t) => {
  const database = await createEtlDatabase(t);
  const sender = sendUntilStopped(database, 1);
  const first = startWorker(t, database);
  await until(() => isLeading(database, first), { what: "the first worker to lead" });
  const second = startWorker(t, database);
  await until(async () => (await folded(database)) > 100, { what: "events to be folded" });

  first.kill("SIGSTOP");
  const frozenAt = performance.now();
  await until(() => isLeading(database, second), { what: "a takeover" });
  const tookMs = performance.now() - frozenAt;
  assert.ok(tookMs > 1_000, `it was taken over after ${tookMs} ms, while its heartbeat was fresh`);
  const before = await folded(database);
  await until(async () => (await folded(database)) > before + 50, { what: "the second to fold" });
  first.kill("SIGCONT");
  const woken = await folded(database);
  await until(async () => (await folded(database)) > woken + 200, { what: "folding to continue" });
  assert.ok(await isLeading(database, second), "the one that woke up did not take the lease back");

  const ledger = await sender.stop();
  await untilFolded(database, ledger.length);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test(`workers killed at any moment (${kills} times) count every event once`, async (t) => {
  const database = await createEtlDatabase(t);
  const random = makeRandom(Date.now());
  const sender = sendUntilStopped(database, 2);
  const workers = [startWorker(t, database), startWorker(t, database)];
  for (let kill = 0; kill < kills; kill++) {
    const leader = await until(
      async () => {
        for (const worker of workers) if (await isLeading(database, worker)) return worker;
        return undefined;
      },
      { what: "a worker to lead" },
    );
    await delay(random() * 400);
    leader.kill("SIGKILL");
    await once(leader, "exit");
    workers.splice(workers.indexOf(leader), 1, startWorker(t, database));
  }
  const ledger = await sender.stop();
  await untilFolded(database, ledger.length);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("a step with an epoch that was taken over is refused", async (t) => {
  const database = await createEtlDatabase(t);
  let now = 0;
  const second = createLeaseTaker(database.app, "two", () => now);
  const lease = await createLeaseTaker(database.app, "one")();
  assert.equal(await second(), undefined);
  now += 3_000;
  const next = await second();
  assert.equal(next?.epoch, (lease?.epoch ?? 0) + 1);
  await assert.rejects(
    runStep(database.app, { epoch: lease?.epoch ?? 0, maxEvents: 10 }),
    (error) => error instanceof DatabaseError && error.code === "WF001",
  );
});

test("control: two workers that do not lock the cursor count events twice", async (t) => {
  const database = await createEtlDatabase(t);
  await mutate(database.owner, {
    in: "etl.step(bigint, integer, interval)",
    from: "where name = 'windows' for no key update",
    to: "where name = 'windows'",
  });
  const random = makeRandom(1);
  const ledger: LedgerEvent[] = [];
  // otherwise the first step begins the incarnation, and the others wait for it
  await database.owner.query({ text: "select log.incarnation()" });
  const step = () => runStep(database.app, { epoch: 0, maxEvents: 1_000 });
  // three steps may run one after the other by chance
  const areWrong = async () => {
    const events = makeEvents(random, 300);
    await appendEvents(database.ingest, events);
    ledger.push(...events);
    await Promise.allSettled([step(), step(), step()]);
    return differences(expectedLines(ledger), await storedLines(database.app)).length > 0;
  };
  await until(areWrong, { what: "events to be counted twice" });
});

function startWorker(t: CleanUp, database: TestDatabase): ChildProcess {
  const child = spawn(process.execPath, [script, database.urls.app], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await gone;
  });
  return child;
}

async function isLeading(database: TestDatabase, worker: ChildProcess): Promise<boolean> {
  const [lease] = await database.app.query<{ owner: string }>({
    text: "select owner from etl.leases",
  });
  return lease?.owner === `test/${worker.pid}`;
}

async function folded(database: TestDatabase): Promise<number> {
  const [row] = await database.app.query<{ events: string }>({
    text: "select events from log.readers where name = 'windows'",
  });
  return Number(row?.events);
}

async function untilFolded(database: TestDatabase, events: number): Promise<void> {
  await until(async () => (await folded(database)) >= events, {
    what: `${events} events to be folded`,
  });
}

/** Some 200 events a second, until stopped; answers what was committed. */
function sendUntilStopped(
  database: TestDatabase,
  seed: number,
): { stop(): Promise<readonly LedgerEvent[]> } {
  const random = makeRandom(seed);
  const ledger: LedgerEvent[] = [];
  let stopped = false;
  const sending = (async () => {
    while (!stopped) {
      const events = makeEvents(random, 1 + Math.floor(random() * 10));
      await appendEvents(database.ingest, events);
      await database.ingest.query({ text: "notify weir_raw" });
      ledger.push(...events);
      await delay(20);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await sending;
      return ledger;
    },
  };
}

function makeEvents(random: () => number, count: number): LedgerEvent[] {
  return Array.from({ length: count }, () => ({
    id: makeId(random),
    service: 1,
    type: random() < 0.8 ? "product.view" : "add_to_cart",
    action: "view" as const,
    at: Math.floor(Date.now() / 1_000) * 1_000 - Math.floor(random() * 300) * 60_000,
    user: `u${Math.floor(random() * 10)}`,
    product: `p${Math.floor(random() * 10)}`,
    amount: null,
    currency: null,
    items: null,
  })).map((event) =>
    event.type === "add_to_cart" ? { ...event, action: "cart" as const } : event,
  );
}

/**
 * Promise: a commit that comes late is lost by no reader and delays none, also when the reader works
 * its way through a backlog in pages. The commit is held open for 10 s in the full run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { TestDatabase } from "../../../testing/database.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";
import type { Database } from "../../src/core/ports/database.ts";
import { runStep, type Step } from "../../src/parts/etl/step.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import { createEtlDatabase, mutate } from "../helpers/etl/database.ts";
import { holdOpen } from "../helpers/etl/open-transaction.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../helpers/etl/window-oracle.ts";

const heldMs = Number(process.env["WEIR_TEST_HELD_MS"] ?? 2_000);

test("a commit held open is not lost, and what others commit meanwhile is not delayed", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger: LedgerEvent[] = [];
  const slow = holdOpen(database.ingest, makeEvents(1, 20));
  await slow.written;
  ledger.push(...slow.events);
  const latencies: number[] = [];
  const random = makeRandom(3);
  const until = performance.now() + heldMs;
  while (performance.now() < until) {
    const events = makeEvents(random() * 1e9, 10);
    await appendEvents(database.ingest, events);
    const acknowledged = performance.now();
    assert.equal((await step(database.app, 1_000)).events, events.length);
    latencies.push(performance.now() - acknowledged);
    ledger.push(...events);
    await delay(20);
  }
  latencies.sort((a, b) => a - b);
  const p95 = latencies[Math.floor(latencies.length * 0.95)] ?? 0;
  // a reader that waits for the open transaction would never get here: what it takes is the machine's pace
  t.diagnostic(`others are read within ${p95.toFixed(1)} ms of their commit (p95)`);
  slow.commit();
  await slow.done;
  assert.equal((await step(database.app, 1_000)).events, slow.events.length);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("pages of a backlog lose no transaction that was open while they were read", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = await playPages(database, 11);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("a page never ends inside a transaction and never reads more than it must", async (t) => {
  const database = await createEtlDatabase(t);
  for (const size of [5, 30, 7, 1]) await appendEvents(database.ingest, makeEvents(size, size));
  const pages: number[] = [];
  for (
    let page = await step(database.app, 6);
    page.events > 0;
    page = await step(database.app, 6)
  ) {
    pages.push(page.events);
  }
  assert.deepEqual(pages, [35, 7, 1]);
});

test("control: a page that forgets what was still running loses events", async (t) => {
  const database = await createEtlDatabase(t);
  await mutate(database.owner, {
    in: "log.position_after(pg_snapshot, xid8)",
    from: "on x::text::numeric < cut",
    to: "on false",
  });
  const ledger = await playPages(database, 11);
  assert.notDeepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("control: a reader that believes everything below the newest transaction loses events", async (t) => {
  const database = await createEtlDatabase(t);
  await mutate(database.owner, {
    in: "etl.step(bigint, integer, interval)",
    from: "select pg_current_snapshot(),",
    to: "select (pg_snapshot_xmax(pg_current_snapshot()) || ':' || pg_snapshot_xmax(pg_current_snapshot()) || ':')::pg_snapshot,",
  });
  const slow = holdOpen(database.ingest, makeEvents(1, 20));
  await slow.written;
  await appendEvents(database.ingest, makeEvents(2, 5));
  assert.equal((await step(database.app, 1_000)).events, 5);
  slow.commit();
  await slow.done;
  assert.equal((await step(database.app, 1_000)).events, 0, "the 20 are behind it forever");
});

/** Writers that commit and roll back in any order while small pages are read; returns what was committed. */
async function playPages(database: TestDatabase, seed: number): Promise<LedgerEvent[]> {
  const random = makeRandom(seed);
  const committed: LedgerEvent[] = [];
  let open: ReturnType<typeof holdOpen>[] = [];
  for (let turn = 0; turn < 150; turn++) {
    if (open.length < 3 && random() < 0.6) {
      const slow = holdOpen(
        database.ingest,
        makeEvents(random() * 1e9, 1 + Math.floor(random() * 15)),
      );
      await slow.written;
      open.push(slow);
    }
    if (random() < 0.7) {
      const events = makeEvents(random() * 1e9, 1 + Math.floor(random() * 25));
      await appendEvents(database.ingest, events);
      committed.push(...events);
    }
    const ending = random() < 0.4 ? open[Math.floor(random() * open.length)] : undefined;
    if (ending !== undefined) {
      const isKept = random() < 0.8;
      if (isKept) {
        ending.commit();
        committed.push(...ending.events);
      } else {
        ending.rollBack();
      }
      await ending.done;
      open = open.filter((one) => one !== ending);
    }
    // a backlog builds up: pages are smaller than what arrives
    if (random() < 0.7) await step(database.app, 1 + Math.floor(random() * 12));
  }
  for (const slow of open) {
    slow.commit();
    committed.push(...slow.events);
    await slow.done;
    await step(database.app, 3);
  }
  while ((await step(database.app, 7)).more);
  return committed;
}

function makeEvents(seed: number, count: number): LedgerEvent[] {
  const random = makeRandom(seed);
  return Array.from({ length: count }, () => ({
    id: makeId(random),
    service: 1,
    type: "product.view",
    action: "view",
    at: Math.floor(Date.now() / 1_000) * 1_000 - Math.floor(random() * 200) * 60_000,
    user: `u${Math.floor(random() * 10)}`,
    product: `p${Math.floor(random() * 10)}`,
    amount: null,
    currency: null,
    items: null,
  }));
}

function step(database: Database, maxEvents: number): Promise<Step> {
  return runStep(database, { epoch: 0, maxEvents });
}

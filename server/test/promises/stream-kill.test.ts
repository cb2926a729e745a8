/**
 * Promise: the stream loses nothing and counts nothing twice, wherever its workers are killed.
 * `WEIR_TEST_STREAM_KILLS` is how often at each step (25 in the full run).
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";
import { until } from "../../../testing/until.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import { createEtlDatabase } from "../helpers/etl/database.ts";
import type { LedgerEvent } from "../helpers/etl/window-oracle.ts";
import { expectedStream, storedStream, wrongPoints } from "./stream-oracle.ts";

const script = fileURLToPath(new URL("./stream-worker-process.ts", import.meta.url));
const kills = Number(process.env["WEIR_TEST_STREAM_KILLS"] ?? 1);

/** Every statement of a page's way, and what lies between them. */
const steps = [
  ["after", "log_claim"],
  ["after", "log_read"],
  ["before", "embed"],
  ["after", "embed"],
  ["before", "stream_add_to_products"],
  ["after", "stream_add_to_products"],
  ["after", "stream_put_points"],
  ["after", "stream_mark_stale"],
  ["after", "stream_take_stale"],
  ["after", "stream_insert_products"],
  ["after", "stream_add_users"],
  ["after", "stream_shorten_users"],
  ["before", "log_finish"],
  ["after", "log_finish"],
  ["after", "commit"],
] as const;

test(`killed at each of ${steps.length} steps, ${kills} times: nothing lost, nothing twice`, async (t) => {
  const database = await createEtlDatabase(t);
  const random = makeRandom(7);
  const ledger: LedgerEvent[] = [];
  let died = 0;
  for (let round = 0; round < kills; round++) {
    for (const [when, step] of steps) {
      const nth = 1 + Math.floor(random() * 3);
      const worker = startWorker(t, database, [when, step, String(nth)]);
      const gone = once(worker, "exit") as Promise<[number | null, string | null]>;
      let isGone = false;
      void gone.then(() => {
        isGone = true;
      });
      // events keep coming until it has reached its step often enough
      const deadline = performance.now() + 30_000;
      while (!isGone && performance.now() < deadline) {
        const events = makeEvents(random, 5 + Math.floor(random() * 60));
        await appendEvents(database.ingest, events);
        await database.ingest.query({ text: "notify weir_raw" });
        ledger.push(...events);
        await Promise.race([gone, untilRead(database, 300)]);
      }
      // one that did not get there fails below, and does not hold up the run
      if (!isGone) worker.kill("SIGTERM");
      const [, signal] = await gone;
      assert.equal(signal, "SIGKILL", `it reached ${when} ${step}`);
      died++;
    }
  }
  const last = startWorker(t, database, []);
  await untilRead(database, 60_000);
  assert.ok(last.exitCode === null && died === kills * steps.length);
  // from here on nothing changes, models included
  last.kill("SIGKILL");
  await once(last, "exit");
  assert.deepEqual(await storedStream(database), expectedStream(ledger));
  assert.deepEqual(await wrongPoints(database), []);
  t.diagnostic(`${died} kills, ${ledger.length} events`);
});

test(`killed while a model's file is written, ${kills} times: the next worker writes it again`, async (t) => {
  const random = makeRandom(11);
  for (let round = 0; round < kills; round++) {
    const database = await createEtlDatabase(t);
    const ledger = makeEvents(random, 30);
    await appendEvents(database.ingest, ledger);
    // it has more than a dozen
    const nth = 1 + Math.floor(random() * 12);
    const worker = startWorker(t, database, ["after", "models_write_file", String(nth)]);
    const [, signal] = await once(worker, "exit", { signal: AbortSignal.timeout(30_000) });
    assert.equal(signal, "SIGKILL", `it wrote ${nth} parts`);
    const next = startWorker(t, database, []);
    await untilRead(database, 60_000);
    next.kill("SIGKILL");
    await once(next, "exit");
    assert.deepEqual(await storedStream(database), expectedStream(ledger));
    assert.deepEqual(await wrongPoints(database), []);
  }
});

test("control: a page that is finished behind its effects counts twice when its worker dies between", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = makeEvents(makeRandom(1), 30);
  await appendEvents(database.ingest, ledger);
  const worker = startWorker(t, database, ["after", "commit", "1", "--finish-late"]);
  await once(worker, "exit", { signal: AbortSignal.timeout(60_000) });
  startWorker(t, database, ["--finish-late"]);
  await untilRead(database, 30_000);
  assert.notDeepEqual(await storedStream(database), expectedStream(ledger));
});

function startWorker(t: CleanUp, database: TestDatabase, about: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [script, database.urls.app, ...about], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  return child;
}

/** Resolves when all is read, or without complaint after a short patience; rejects after a long one. */
async function untilRead(database: TestDatabase, patienceMs: number): Promise<void> {
  const isRead = async () => {
    const [row] = await database.app.query<{ done: boolean }>({
      text: `select not exists (select from log.pages) and not exists (select from stream.stale) and not exists (
               select from raw.events e, log.readers c
               where c.name = 'stream' and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
    });
    return row?.done === true;
  };
  const read = until(isRead, { what: "the stream to catch up", timeoutMs: patienceMs });
  await (patienceMs > 1_000 ? read : read.catch(() => {}));
}

/**
 * The first one tells of a product that is new, so that there is always something to embed. It has no user:
 * an interest list keeps so many products and no more, and the oracle keeps all.
 */
function makeEvents(random: () => number, count: number): LedgerEvent[] {
  const actions = ["view", "view", "view", "cart", "purchase"] as const;
  const types = { view: "product.view", cart: "add_to_cart", purchase: "purchase" } as const;
  return Array.from({ length: count }, (_, n) => {
    const known = random() < 0.05 ? null : `p${Math.floor(random() * 30)}`;
    const action = actions[Math.floor(random() * actions.length)] ?? "view";
    return {
      id: makeId(random),
      service: 1,
      type: types[action],
      action,
      at: Math.floor(Date.now() / 1_000) * 1_000 - Math.floor(random() * 300) * 60_000,
      user: n === 0 || random() < 0.1 ? null : `u${Math.floor(random() * 12)}`,
      product: n === 0 ? `new-${makeId(random)}` : known,
      amount: null,
      currency: null,
      items: null,
    };
  });
}

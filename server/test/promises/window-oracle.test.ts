/**
 * Promise: analytics equal the raw events, whatever the order, lateness and repetition of arrival.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRandom } from "../../../bench/generate.ts";
import type { Database } from "../../src/core/database.ts";
import { runStep } from "../../src/etl/step.ts";
import type { TestDatabase } from "../helpers/database.ts";
import { appendEvents } from "./append-ledger.ts";
import { createEtlDatabase, type Mutation, mutate } from "./etl-stage.ts";
import { makeLedger } from "./make-ledger.ts";
import { differences, expectedLines, type LedgerEvent, storedLines } from "./window-oracle.ts";

const runs = Number(process.env["WEIR_TEST_ORACLE_RUNS"] ?? 4);
for (let seed = 1; seed <= runs; seed++) {
  test(`tables equal an oracle for random order, duplicates and late events (seed ${seed})`, async (t) => {
    const database = await createEtlDatabase(t);
    const ledger = makeLedger(seed, 1_200);
    await play(database, ledger, seed);
    assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
  });
}

const mutations: readonly Mutation[] = [
  { in: "etl.fold_sessions()", from: "'30 minutes' then 0", to: "'29 minutes' then 0" },
  { in: "etl.fold_users()", from: "u.minutes | excluded.minutes\n", to: "excluded.minutes\n" },
  { in: "etl.fold_key_facts()", from: "k.occurred_at >= v.first", to: "false" },
  { in: "etl.correct_purchases()", from: "k.occurred_at >= carts.first", to: "false" },
];
for (const mutation of mutations) {
  test(`control: the oracle finds a mistake in ${mutation.in}`, async (t) => {
    const database = await createEtlDatabase(t);
    await mutate(database.owner, mutation);
    const ledger = makeLedger(1, 600);
    await play(database, ledger, 1);
    assert.notDeepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
  });
}

/** In random order, some of it twice, in groups of all sizes, with steps of all sizes in between. */
async function play(
  database: TestDatabase,
  ledger: readonly LedgerEvent[],
  seed: number,
): Promise<void> {
  const random = makeRandom(seed + 1_000);
  const sent = [...ledger, ...ledger.filter(() => random() < 0.1)]
    .map((event) => ({ event, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ event }) => event);
  while (sent.length > 0) {
    const group = sent.splice(0, 1 + Math.floor(random() ** 3 * 120));
    await appendEvents(database.ingest, [
      ...new Map(group.map((event) => [event.id, event])).values(),
    ]);
    if (random() < 0.4) await step(database.app, 1 + Math.floor(random() * 60));
  }
  while ((await step(database.app, 40)).more);
}

function step(database: Database, maxEvents: number): ReturnType<typeof runStep> {
  return runStep(database, { epoch: 0, maxEvents, longestWriteMs: 10_000 });
}

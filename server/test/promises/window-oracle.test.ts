/**
 * Promise: analytics equal the raw events, whatever the order, lateness and repetition of arrival.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../testing/database.ts";
import { makeRandom } from "../../../testing/random.ts";
import type { Database } from "../../src/core/ports/database.ts";
import { runStep } from "../../src/parts/etl/step.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import { createEtlDatabase, type Mutation, mutate } from "../helpers/etl/database.ts";
import { makeLedger } from "../helpers/etl/make-ledger.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../helpers/etl/window-oracle.ts";

const runs = Number(process.env["WEIR_TEST_ORACLE_RUNS"] ?? 4);
for (let seed = 1; seed <= runs; seed++) {
  // the late are few, as in life, or all are
  const late = seed % 2 === 0 ? 0.1 : 1;
  test(`tables equal an oracle with duplicates and a share of ${late} late events (seed ${seed})`, async (t) => {
    const database = await createEtlDatabase(t);
    const ledger = makeLedger(seed, 1_200);
    await play(database, ledger, { seed, late });
    assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
  });
}

/** One mistake each; `late` where it takes few late events to show. */
const mutations: readonly (Mutation & { readonly late?: number })[] = [
  { in: "etl.fold_tangled_sessions()", from: "'30 minutes' then 0", to: "'29 minutes' then 0" },
  {
    in: "etl.fold_sessions()",
    from: "b.ended_at + interval '30",
    to: "b.ended_at + interval '29",
    late: 0.1,
  },
  { in: "etl.fold_sessions()", from: "greatest(s.ended_at, b.last)", to: "b.last", late: 0.1 },
  { in: "etl.fold_sessions()", from: "near.started_at <= span.first is not false", to: "true" },
  {
    in: "etl.fold_sessions()",
    from: "span.last <= span.first + interval '30 minutes'",
    to: "true",
  },
  { in: "etl.fold_users()", from: "u.minutes | excluded.minutes\n", to: "excluded.minutes\n" },
  { in: "etl.fold_key_facts()", from: "k.occurred_at >= v.first", to: "false" },
  { in: "etl.correct_purchases()", from: "k.occurred_at >= carts.first", to: "false" },
];
/** 0: a mutation run makes the mistakes itself. */
const controls = Number(process.env["WEIR_TEST_ORACLE_CONTROLS"] ?? mutations.length);
for (const { late = 1, ...mutation } of mutations.slice(0, controls)) {
  test(`control: the oracle finds ${mutation.to.trim()} for ${mutation.from.trim()} in ${mutation.in}`, async (t) => {
    const database = await createEtlDatabase(t);
    await mutate(database.owner, mutation);
    const ledger = makeLedger(1, 600);
    await play(database, ledger, { seed: 1, late });
    assert.notDeepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
  });
}

/**
 * Some of it twice, in groups of all sizes, with steps of all sizes in between; a share of `late` of the
 * events at any time, and the others in their order.
 */
async function play(
  database: TestDatabase,
  ledger: readonly LedgerEvent[],
  { seed, late }: { seed: number; late: number },
): Promise<void> {
  const random = makeRandom(seed + 1_000);
  // a group of few events in order is what a batch of a live shop is to each of its users
  const most = late === 1 ? 120 : 12;
  const place = new Map(
    [...ledger].sort((a, b) => a.at - b.at).map(({ id }, n) => [id, n / ledger.length]),
  );
  const sent = [...ledger, ...ledger.filter(() => random() < 0.1)]
    .map((event) => ({
      event,
      order: random() < late ? random() : (place.get(event.id) as number),
    }))
    .sort((a, b) => a.order - b.order)
    .map(({ event }) => event);
  while (sent.length > 0) {
    const group = sent.splice(0, 1 + Math.floor(random() ** 3 * most));
    await appendEvents(database.ingest, [
      ...new Map(group.map((event) => [event.id, event])).values(),
    ]);
    if (random() < 0.4) await step(database.app, 1 + Math.floor(random() * 60));
  }
  while ((await step(database.app, 40)).more);
}

function step(database: Database, maxEvents: number): ReturnType<typeof runStep> {
  return runStep(database, { epoch: 0, maxEvents });
}

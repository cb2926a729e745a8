import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { makeRandom } from "../../../../testing/random.ts";
import { until } from "../../../../testing/until.ts";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase, mutate } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import { holdOpen } from "../../../test/helpers/etl/open-transaction.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { audit } from "../etl/audit.ts";
import { runStep } from "../etl/step.ts";
import { readErasure } from "./requests.ts";

const users = ["u0", "u3", "u7"];

for (const afterRequest of ["block", "allow"] as const) {
  test(`with ${afterRequest}, analytics equal the raw events whatever arrives, is unread or is rerun during erasures`, async (t) => {
    const database = await createEtlDatabase(t);
    const traffic = await startTraffic(database, afterRequest === "block" ? 31 : 32);
    // the ETL is behind: some events of the users are read, some are not, and some are not even committed
    const open = holdOpen(database.ingest, traffic.next(40));
    await open.written;
    startErasure(t, database);
    const running = traffic.keepGoing(() => open.commit());
    const requests = [];
    for (const user of users) requests.push(await requestAs(database, user, afterRequest));
    traffic.mark();
    for (const { id } of requests) await certificateOf(database, id);
    traffic.stop();
    await running;
    await open.done;
    await foldAll(database);

    const raw = await rawEvents(database);
    const left = traffic.ledger.filter(({ id }) => raw.has(id));
    assert.deepEqual(differences(expectedLines(left), await storedLines(database.app)), []);
    await assertAudit(database);
    const later = traffic.sinceMark().filter(({ user }) => users.includes(user ?? ""));
    assert.ok(later.length > 10, "events of the users arrived after the requests");
    const kept = left.filter(({ user }) => users.includes(user ?? ""));
    if (afterRequest === "block") assert.deepEqual(kept, []);
    else assert.deepEqual(new Set(later), new Set(kept.filter((event) => later.includes(event))));
    const others = (events: readonly LedgerEvent[]) =>
      events.filter(({ user }) => !users.includes(user ?? "")).length;
    assert.equal(others(left), others(traffic.ledger), "no event of another user is gone");
  });
}

test("control: later events that were counted before the histories are separated are missed without folding them again", async (t) => {
  const database = await createEtlDatabase(t);
  await mutate(database.owner, {
    in: "etl.retire_users(text[], pg_snapshot[], timestamptz[])",
    from: "if found then",
    to: "if false then",
  });
  const traffic = await startTraffic(database, 33);
  const { id } = await requestAs(database, "u0", "allow");
  await appendEvents(database.ingest, traffic.next(200));
  await foldAll(database);
  startErasure(t, database);
  await certificateOf(database, id);
  const raw = await rawEvents(database);
  const left = traffic.ledger.filter((event) => raw.has(event.id));
  assert.notDeepEqual(differences(expectedLines(left), await storedLines(database.app)), []);
});

test("a user with few events is not held up by one with many, whose erasure began before", async (t) => {
  const database = await createEtlDatabase(t);
  const heavy = makeLedger(34, 12_000).map((event) => ({ ...event, user: "heavy" }));
  const light = makeLedger(35, 30).map((event) => ({ ...event, user: "light" }));
  for (let n = 0; n < heavy.length; n += 2_000) {
    await appendEvents(database.ingest, heavy.slice(n, n + 2_000));
  }
  await appendEvents(database.ingest, light);
  await foldAll(database);
  startErasure(t, database);
  const first = await requestAs(database, "heavy", "block");
  const hasBegun = async () => (await readErasure(database.app, first.id)).erased.raw_events > 0;
  await until(hasBegun, { what: "the first slice" });
  const second = await requestAs(database, "light", "block");
  const ends: string[] = [];
  const end = (id: string, user: string) =>
    certificateOf(database, id).then(() => {
      ends.push(user);
    });
  await Promise.all([end(first.id, "heavy"), end(second.id, "light")]);
  assert.deepEqual(ends, ["light", "heavy"]);
  assert.deepEqual(await storedLines(database.app), []);
});

/** 600 events of which 400 are folded; then more, while steps and reruns run. */
async function startTraffic(database: TestDatabase, seed: number) {
  const pool = makeLedger(seed, 4_000);
  const random = makeRandom(seed);
  const ledger: LedgerEvent[] = [];
  let marked = 0;
  let stopped = false;
  const next = (count: number): readonly LedgerEvent[] => {
    const events = pool.splice(0, count);
    ledger.push(...events);
    return events;
  };
  await appendEvents(database.ingest, next(400));
  await foldAll(database);
  await appendEvents(database.ingest, next(200));

  async function keepGoing(commitOpen: () => void): Promise<void> {
    for (let round = 0; !stopped || round < 12; round++) {
      await appendAll(database, next(20));
      if (round === 4) commitOpen();
      if (round % 3 === 2) await runStep(database.app, { epoch: 0, maxEvents: 50 });
      if (round % 4 === 3) await rerunAnHour(database, ledger, random);
    }
  }
  return {
    ledger,
    next,
    keepGoing,
    mark: () => {
      marked = ledger.length + 20;
    },
    sinceMark: () => ledger.slice(marked),
    stop: () => {
      stopped = true;
    },
  };
}

/** A group in whose middle a user was blocked is written again, as the accept path does. */
async function appendAll(database: TestDatabase, events: readonly LedgerEvent[]): Promise<void> {
  try {
    await appendEvents(database.ingest, events);
  } catch (error) {
    if (!(error instanceof DatabaseError && error.code === "40001")) throw error;
    await appendAll(database, events);
  }
}

async function rerunAnHour(
  database: TestDatabase,
  ledger: readonly LedgerEvent[],
  random: () => number,
): Promise<void> {
  const { at } = ledger[Math.floor(random() * ledger.length)] as LedgerEvent;
  await database.app.query({
    text: "call etl.rerun_hour(0, $1, null, null)",
    values: [Math.floor(at / 3_600_000)],
  });
}

async function foldAll(database: TestDatabase): Promise<void> {
  while ((await runStep(database.app, { epoch: 0, maxEvents: 5_000 })).more);
}

async function rawEvents(database: TestDatabase): Promise<ReadonlySet<string>> {
  const rows = await database.owner.query<{ event_id: string }>({
    text: "select event_id from raw.events",
  });
  return new Set(rows.map(({ event_id: id }) => id));
}

async function assertAudit(database: TestDatabase): Promise<void> {
  for await (const report of audit(database.app)) {
    assert.equal(report.kind, "day", JSON.stringify(report));
  }
}

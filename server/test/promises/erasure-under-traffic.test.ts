/**
 * Promise: whatever arrives while users are erased, and wherever the erasure and the ETL are killed, in the end the
 * analytics equal the raw events, and the raw events are exactly those that the setting `erasure.after_request` keeps.
 * `WEIR_TEST_ERASURE_KILLS` is how often the erasure is killed at each step (25 in the full run).
 *
 * Controls: an erasure that also deletes what arrived since the request, and one that does not fold again what was
 * counted under the erased history.
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
import { liftBlock } from "../../src/parts/erasure/blocks.ts";
import type { AfterRequest } from "../../src/parts/erasure/requests.ts";
import { audit } from "../../src/parts/etl/audit.ts";
import { certificateOf, requestAs, startErasure } from "../helpers/erasure.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import { createEtlDatabase, type Mutation, mutate } from "../helpers/etl/database.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../helpers/etl/window-oracle.ts";

const kills = Number(process.env["WEIR_TEST_ERASURE_KILLS"] ?? 0);
const etlScript = fileURLToPath(new URL("./etl-worker-process.ts", import.meta.url));
const erasureScript = fileURLToPath(new URL("./erasure-process.ts", import.meta.url));

const statements = [
  "set seen = pg_current_snapshot()",
  "erasure.erase_blocks",
  "erasure.retire",
  "etl.retract_day",
  "set last_page",
  "delete from dlq.letters",
  "delete from stream.users",
  "vectors.delete_points",
  "set state = 'done'",
];
const moments = [
  ...statements.flatMap((statement) => [`before ${statement}`, `after ${statement}`]),
  "after commit",
];
/** By default each setting gets every other moment, once. */
function chosenFor(afterRequest: AfterRequest): readonly string[] {
  if (kills > 0) return Array.from({ length: kills }, () => moments).flat();
  return moments.filter((_, n) => n % 4 === (afterRequest === "block" ? 1 : 3));
}

for (const afterRequest of ["block", "allow"] as const) {
  const chosen = chosenFor(afterRequest);
  test(`with ${afterRequest}, ${chosen.length} erasures killed at their steps end exactly, under traffic`, async (t) => {
    const outcome = await eraseUnderTraffic(t, { afterRequest, moments: chosen });
    assert.deepEqual(outcome.lost, [], "no event of another time or user is gone");
    assert.deepEqual(outcome.left, [], "nothing that was to be erased is left");
    assert.deepEqual(outcome.differences, []);
    assert.deepEqual(outcome.audit, []);
  });
}

const takesEverything: Mutation = {
  in: "erasure.erase_blocks(uuid[], regclass, bigint, bigint, integer)",
  from: "and pg_visible_in_snapshot(e.xid, q.seen)",
  to: "",
};

test("control: an erasure that takes whatever is there loses events that arrived after the request", async (t) => {
  const { lost } = await eraseUnderTraffic(t, {
    afterRequest: "allow",
    moments: ["never", "never"],
    // where rows are looked for, and where they are deleted
    mistakes: [takesEverything, takesEverything],
  });
  assert.notDeepEqual(lost, []);
});

test("control: windows miss later events that were counted already, unless these are folded again", async (t) => {
  const outcome = await eraseUnderTraffic(t, {
    afterRequest: "allow",
    moments: ["never", "never"],
    mistakes: [
      {
        in: "etl.retire_users(text[], pg_snapshot[], timestamptz[])",
        from: "if found then",
        to: "if false then",
      },
    ],
  });
  assert.notDeepEqual(outcome.differences, []);
  assert.notDeepEqual(outcome.audit, []);
});

interface Run {
  readonly afterRequest: AfterRequest;
  /** One erasure each. */
  readonly moments: readonly string[];
  readonly mistakes?: readonly Mutation[];
}

/** Each erasure is of the user who was most active; with `block`, the block is lifted for the next round. */
async function eraseUnderTraffic(t: CleanUp, { afterRequest, moments: at, mistakes = [] }: Run) {
  const database = await createEtlDatabase(t);
  for (const mistake of mistakes) await mutate(database.owner, mistake);
  const random = makeRandom(Date.now());
  const traffic = startTraffic(database, random);
  let etl = start(t, etlScript, [database.urls.app]);
  const mustBeGone = new Set<string>();
  const mayBeGone = new Set<string>();
  for (const [n, moment] of at.entries()) {
    const user = `u${n % 3}`;
    await traffic.more(60);
    const answered = traffic.of(user, "answered");
    const { id } = await requestAs(database, user, afterRequest);
    const during = traffic.of(user, "sent");
    for (const event of answered) mustBeGone.add(event);
    for (const event of during) mayBeGone.add(event);
    const [when = "", ...words] = moment.split(" ");
    if (when === "never") {
      // for the controls: the windows have counted later events before the erasure begins
      await traffic.more(100);
      await until(async () => (await unread(database)) < 20, { what: "the ETL to be close" });
    } else {
      const victim = start(t, erasureScript, [database.urls.owner, when, words.join(" ")]);
      if (random() < 0.5) {
        await delay(random() * 300);
        await kill(etl);
        etl = start(t, etlScript, [database.urls.app]);
      }
      await exit(victim);
    }
    const survivor = startErasure(t, database);
    const certificate = await certificateOf(database, id);
    assert.ok(certificate.erased.raw_events >= 0);
    await survivor.stop();
    if (afterRequest === "block") {
      const held = await rawIds(database, user);
      assert.equal(held.size, 0, "a blocked user has no raw events");
      await liftBlock(database.app, { userKey: user, actor: "test" });
    }
  }
  await traffic.more(40);
  const ledger = await traffic.stop();
  const raw = await rawIds(database);
  await until(async () => (await unread(database)) === 0, { what: "the ETL" });
  const findings: string[] = [];
  for await (const report of audit(database.app)) {
    if (report.kind === "difference" || report.differences > 0)
      findings.push(JSON.stringify(report));
  }
  const stored = ledger.filter(({ id }) => raw.has(id));
  return {
    left: [...mustBeGone].filter((id) => raw.has(id)),
    lost: ledger.filter(({ id }) => !raw.has(id) && !mayBeGone.has(id)).map(({ id }) => id),
    differences: differences(expectedLines(stored), await storedLines(database.app)),
    audit: findings,
  };
}

/** Some 300 events a second of ten users; of events that were refused there is no trace. */
function startTraffic(database: TestDatabase, random: () => number) {
  const sent: LedgerEvent[] = [];
  const answered: LedgerEvent[] = [];
  const accepted: LedgerEvent[] = [];
  let stopped = false;
  const sending = (async () => {
    while (!stopped) {
      const events = makeEvents(random, 1 + Math.floor(random() * 12));
      sent.push(...events);
      accepted.push(...(await append(database, events)));
      answered.push(...events);
      await database.ingest.query({ text: "notify weir_raw" });
      await delay(15);
    }
  })();
  return {
    of: (user: string, which: "sent" | "answered") =>
      (which === "sent" ? sent : answered).filter((e) => e.user === user).map(({ id }) => id),
    async more(events: number) {
      const goal = answered.length + events;
      await until(() => answered.length >= goal, { what: "more traffic" });
    },
    async stop() {
      stopped = true;
      await sending;
      return accepted;
    },
  };
}

/** The accepted ones. A group in whose middle a user was blocked is written again, as the accept path does. */
async function append(
  database: TestDatabase,
  events: readonly LedgerEvent[],
): Promise<readonly LedgerEvent[]> {
  for (;;) {
    try {
      const verdicts = await appendEvents(database.ingest, events);
      return events.filter(({ id }) => verdicts.get(id) === 0);
    } catch (error) {
      if (!(error instanceof DatabaseError && error.code === "40001")) throw error;
    }
  }
}

function makeEvents(random: () => number, count: number): LedgerEvent[] {
  const types = [
    ["product.view", "view"],
    ["product.view", "view"],
    ["add_to_cart", "cart"],
    ["purchase", "purchase"],
  ] as const;
  return Array.from({ length: count }, () => {
    const [type, action] = types[Math.floor(random() * types.length)] ?? types[0];
    const amount = action === "purchase" ? Math.floor(random() * 10_000) : null;
    const item = () => ({ id: `p${Math.floor(random() * 8)}`, amount });
    const hasItems = action === "purchase" && random() < 0.5;
    return {
      id: makeId(random),
      service: 1,
      type,
      action,
      at: Math.floor(Date.now() / 1_000) * 1_000 - Math.floor(random() * 3_000) * 60_000,
      user: `u${Math.floor(random() ** 2 * 10)}`,
      product: hasItems ? null : item().id,
      amount,
      currency: amount === null ? null : "EUR",
      items: hasItems ? [item(), item()] : null,
    };
  });
}

async function rawIds(database: TestDatabase, user?: string): Promise<ReadonlySet<string>> {
  const rows = await database.owner.query<{ event_id: string }>({
    text: "select event_id from raw.events where $1::text is null or user_key = $1",
    values: [user ?? null],
  });
  return new Set(rows.map(({ event_id: id }) => id));
}

async function unread(database: TestDatabase): Promise<number> {
  const [lag] = await database.app.query<{ events: string }>({
    text: "select events from log.lag('windows', 1000)",
  });
  return Number(lag?.events);
}

function start(t: CleanUp, script: string, values: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [script, ...values], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  t.after(() => kill(child));
  return child;
}

async function exit(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

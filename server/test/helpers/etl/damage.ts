/** Windows that were damaged, and events that keep arriving while they are recomputed. */
import { setTimeout as delay } from "node:timers/promises";
import type { TestDatabase } from "../../../../testing/database.ts";
import { makeRandom } from "../../../../testing/random.ts";
import { runStep } from "../../../src/parts/etl/step.ts";
import { appendEvents } from "./append-events.ts";
import { makeLedger } from "./make-ledger.ts";
import type { LedgerEvent } from "./window-oracle.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function recent(ledger: readonly LedgerEvent[]): LedgerEvent[] {
  return ledger.filter(({ at }) => at > Date.now() - 5 * dayMs);
}

export function busiestHour(ledger: readonly LedgerEvent[]): Date {
  const counts = new Map<number, number>();
  for (const { at } of ledger) {
    const hour = Math.floor(at / hourMs);
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
  }
  const [busiest] = [...counts].sort((a, b) => b[1] - a[1]);
  return new Date((busiest?.[0] ?? 0) * hourMs);
}

/** With the built-in engine. */
export async function foldAll(database: TestDatabase): Promise<void> {
  while ((await runStep(database.app, { epoch: 0, maxEvents: 500 })).more);
}

/** All kinds of wrong rows, in every table with rows of the hour. */
export async function damage(database: TestDatabase, hour: Date, hours: number): Promise<void> {
  const first = hour.getTime() / hourMs - (hours === 24 ? (hour.getTime() / hourMs) % 24 : 0);
  const last = first + hours - 1;
  const inside = (column: string) =>
    `${column} >= etl.start_of_hour(${first}) and ${column} < etl.start_of_hour(${last + 1})`;
  for (const text of [
    `delete from analytics.facts where ${inside("occurred_at")} and user_id % 2 = 0`,
    `update analytics.window_counts set events = events + 3 where size = 2 and bucket between ${first} and ${last}`,
    `delete from analytics.window_counts where size = 1 and bucket between ${first * 60} and ${first * 60 + 20}`,
    `update analytics.window_totals set users = users + 2, sessions = 0 where size = 2 and bucket between ${first} and ${last}`,
    `update analytics.window_totals set events = 1 where size = 3 and bucket = ${Math.floor(first / 24)}`,
    `delete from analytics.user_hours where hour between ${first} and ${last} and user_id % 3 = 0`,
    `update analytics.user_hours set minutes = minutes | 1 where hour between ${first} and ${last} and user_id % 5 = 0`,
    `update analytics.sessions set events = events + 1, purchases = 0 where ${inside("started_at")}`,
    `delete from analytics.product_windows where size = 2 and bucket between ${first} and ${last} and product_id % 2 = 0`,
    `update analytics.window_revenue set revenue = revenue + 1 where size = 2 and bucket between ${first} and ${last}`,
    `delete from analytics.key_facts where ${inside("occurred_at")}`,
  ]) {
    // Takes the position's lock first, as every step and rerun does: row locks alone could deadlock.
    await database.owner.transaction(async (connection) => {
      await connection.query({ text: "select from log.readers for update" });
      await connection.query({ text });
    });
  }
}

let seeds = 100;

/** Sends events of one hour and folds them, until stopped. */
export function keepFolding(
  database: TestDatabase,
  hour: Date,
): { stop(): Promise<readonly LedgerEvent[]>; longestStepMs(): number } {
  seeds += 1;
  const random = makeRandom(seeds);
  const sent: LedgerEvent[] = [];
  let stopped = false;
  let longest = 0;
  const working = (async () => {
    while (!stopped) {
      const events = makeLedger(random() * 1e9, 5).map((event) => ({
        ...event,
        at: hour.getTime() + Math.floor(random() * 60) * 60_000,
      }));
      await appendEvents(database.ingest, events);
      sent.push(...events);
      const step = await runStep(database.app, {
        epoch: 0,
        maxEvents: 500,
      });
      longest = Math.max(longest, step.milliseconds);
      await delay(10);
    }
    await foldAll(database);
  })();
  return {
    async stop() {
      stopped = true;
      await working;
      return sent;
    },
    longestStepMs: () => longest,
  };
}

/** The two engines on test databases, and what they leave there. */
import type { CleanUp, TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { openNotifications } from "../../../src/adapters/postgres/notifications.ts";
import { createEtl } from "../../../src/parts/etl/worker.ts";
import { storedLines } from "../etl/window-oracle.ts";
import { createTestIngest } from "../ingest.ts";
import { type SentCounts, sendParityEvents } from "./parity-events.ts";

/** Sends the parity events from `first` to `last` through all entry points. */
export function send(
  t: CleanUp,
  database: TestDatabase,
  [first, last]: readonly [number, number],
): Promise<SentCounts> {
  return sendParityEvents(createTestIngest(t, { database: database.ingest }), first, last);
}

export async function useEngine({ owner }: TestDatabase, engine: string): Promise<void> {
  await owner.query({ text: "select engine.use($1, 'test')", values: [engine] });
}

export interface BuiltinEngine {
  stop(): Promise<void>;
}

export function startBuiltin(t: CleanUp, database: TestDatabase): BuiltinEngine {
  const stopping = new AbortController();
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test etl" });
  const part = createEtl({
    database: database.app,
    notifications,
    owner: "test",
    intervalMs: 50,
    stepEvents: 2_000,
    retentionDays: 30,
    onError() {},
  });
  const running = part.run(stopping.signal);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      stopping.abort();
      await running;
      await notifications.close();
    })();
    return stopped;
  };
  t.after(stop);
  return { stop };
}

/** Windows, sessions, users and facts with names instead of ids, and what is known of each name. */
export async function analyticsLines({ app }: TestDatabase): Promise<string[]> {
  const rows = await app.query<{ line: string }>({
    text: `select 'name ' || key || ' ' || coalesce(name, '') || ' ' || coalesce(category, '') as line from analytics.products
           union all select 'user ' || key from analytics.users
           union all select 'type ' || name || ' ' || action from analytics.event_types
           union all select 'currency ' || code from analytics.currencies`,
  });
  return [...(await storedLines(app)), ...rows.map(({ line }) => line)];
}

export async function foldedEvents({ app }: TestDatabase): Promise<number> {
  const [row] = await app.query<{ facts: number }>({
    text: "select count(*)::int as facts from analytics.facts",
  });
  return row?.facts ?? 0;
}

export async function untilFolded(
  database: TestDatabase,
  count: number,
  timeoutMs = 120_000 + count * 5,
): Promise<void> {
  let now = 0;
  const isFolded = async () => {
    now = await foldedEvents(database);
    return now >= count;
  };
  const what = () => `${count} events to be folded; ${now} are`;
  await until(isFolded, { what, everyMs: 250, timeoutMs });
}

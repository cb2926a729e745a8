import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import {
  busiestHour,
  damage,
  foldAll,
  keepFolding,
  recent,
} from "../../../test/helpers/etl/damage.ts";
import { createEtlDatabase, mutate } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import {
  differences,
  expectedLines,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { WeirError } from "../../core/errors.ts";
import { executeNextRun, requestRerun, requeueAbandonedRuns } from "./reruns.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const reruns = Number(process.env["WEIR_TEST_RERUNS"] ?? 20);

test(`rerunning an hour ${reruns} times changes nothing, while events of that hour arrive`, async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = [...recent(makeLedger(21, 1_500))];
  await appendEvents(database.ingest, ledger);
  await foldAll(database);
  const hour = busiestHour(ledger);
  const live = keepFolding(database, hour);
  for (let n = 0; n < reruns; n++) {
    assert.equal((await rerun(database, "hour", hour)).changed, false);
  }
  ledger.push(...(await live.stop()));
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("a damaged hour and day are right again after a rerun, while events of that hour arrive", async (t) => {
  const database = await createEtlDatabase(t);
  const made = recent(makeLedger(22, 1_500));
  const hour = busiestHour(made);
  // An event that joins a damaged session to one of the previous hour extends the damage beyond the window.
  const ledger = made.filter(({ at }) => at < hour.getTime() - hourMs || at >= hour.getTime());
  await appendEvents(database.ingest, ledger);
  await foldAll(database);
  for (const size of ["hour", "day"] as const) {
    const live = keepFolding(database, hour);
    await damage(database, hour, size === "hour" ? 1 : 24);
    const start = size === "hour" ? hour : new Date(Math.floor(hour.getTime() / dayMs) * dayMs);
    assert.equal((await rerun(database, size, start)).changed, true);
    ledger.push(...(await live.stop()));
    assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
    assert.equal((await rerun(database, size, start)).changed, false);
    assert.ok(live.longestStepMs() < 5_000, `the live ETL waited ${live.longestStepMs()} ms`);
  }
});

test("control: a rerun that ignores what was read meanwhile is detected by the oracle", async (t) => {
  const database = await createEtlDatabase(t);
  await mutate(database.owner, {
    in: "etl.stage_events_since(log.readers, pg_snapshot, integer, integer[])",
    from: "where u.id = any (noted)",
    to: "where false",
  });
  const ledger = [...recent(makeLedger(23, 1_000))];
  await appendEvents(database.ingest, ledger);
  await foldAll(database);
  const hour = busiestHour(ledger);
  const live = keepFolding(database, hour);
  for (let n = 0; n < 3; n++) {
    await damage(database, hour, 1);
    await rerun(database, "hour", hour);
  }
  ledger.push(...(await live.stop()));
  assert.notDeepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("a window that cannot be rerun is refused with the reason", async (t) => {
  const database = await createEtlDatabase(t);
  const ask = (size: "minute" | "hour" | "day", start: string) =>
    requestRerun(database.app, { size, start: new Date(start), requestedBy: "test" });
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof WeirError && error.code === "invalid_request" && pattern.test(error.message);
  await assert.rejects(
    ask("hour", "2026-11-20T14:05:00Z"),
    refused(/start of a hour|start of an hour/),
  );
  await assert.rejects(ask("day", "2999-01-01T00:00:00Z"), refused(/future/));
  await database.owner.query({
    text: "insert into raw.dropped (until) select etl.oldest_raw_day()",
  });
  const [{ day } = { day: "" }] = await database.app.query<{ day: string }>({
    text: "select (etl.oldest_raw_day() - 1)::text as day",
  });
  await assert.rejects(ask("day", `${day}T00:00:00Z`), refused(/retention/));
});

test("a run left by a killed worker is resumed, and two requests queue one run", async (t) => {
  const database = await createEtlDatabase(t);
  const start = new Date(Math.floor(Date.now() / hourMs) * hourMs);
  const first = await requestRerun(database.app, { size: "hour", start, requestedBy: "test" });
  const again = await requestRerun(database.app, { size: "hour", start, requestedBy: "test" });
  assert.equal(again.runId, first.runId);
  await database.app.query({
    text: "update etl.window_runs set state = 'running', attempts = 1, started_at = now()",
  });
  assert.equal(await executeNextRun(database.app, 0, new AbortController().signal), false);
  await requeueAbandonedRuns(database.app);
  assert.equal(await executeNextRun(database.app, 0, new AbortController().signal), true);
  const [run] = await database.app.query({
    text: "select state, attempts, changed from etl.window_runs",
  });
  assert.deepEqual(run, { state: "done", attempts: 2, changed: false });
});

async function rerun(
  database: TestDatabase,
  size: "hour" | "day",
  start: Date,
): Promise<{ readonly changed: boolean | null; readonly state: string }> {
  const { runId } = await requestRerun(database.app, { size, start, requestedBy: "test" });
  await executeNextRun(database.app, 0, new AbortController().signal);
  const [run] = await database.app.query<{ changed: boolean | null; state: string }>({
    text: "select changed, state from etl.window_runs where id = $1",
    values: [runId],
  });
  assert.equal(run?.state, "done");
  return run;
}

test("a rerun finds events that PostgreSQL's clock dated 30 days too early", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = recent(makeLedger(24, 300));
  await database.owner.query({
    text: "select raw.ensure_partition(d::date) from generate_series(now() - interval '40 days', now(), '1 day') d",
  });
  await appendEvents(database.ingest, ledger);
  await database.owner.query({
    text: "update raw.events set received_at = received_at - interval '30 days'",
  });
  await foldAll(database);
  const hour = busiestHour(ledger);
  await damage(database, hour, 24);
  const day = new Date(Math.floor(hour.getTime() / dayMs) * dayMs);
  assert.equal((await rerun(database, "day", day)).changed, true);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

/** Erasures that the previous version had begun. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOlderDatabase } from "../../../../testing/older-database.ts";
import { certificateOf, startErasure } from "../../../test/helpers/erasure.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import {
  differences,
  expectedLines,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { executeNextRun } from "../etl/reruns.ts";
import { runStep } from "../etl/step.ts";
import { hashOfUser, readErasure } from "./requests.ts";

const [done, open] = [
  "00000000-0000-4000-8000-000000000001",
  "00000000-0000-4000-8000-000000000002",
];

test("the upgrade keeps certificates, and queues the hours of open erasures to be recomputed", async (t) => {
  const { url, database } = await createOlderDatabase(t, "0031");
  await database.query({
    text: `insert into erasure.requests (id, user_hash, user_key, state, stage, requested_by, raw_events) values
             ($1, $3, null, 'done', null, 'x', 7), ($2, $4, 'bob', 'running', 'windows', 'x', 5)`,
    values: [done, open, hashOfUser("alice"), hashOfUser("bob")],
  });
  await database.query({
    text: `insert into erasure.hours (request_id, hour, run_id) values
             ($1, '2026-01-01 10:00Z', 1), ($1, '2026-01-01 11:00Z', null), ($2, '2026-01-02 10:00Z', 2), ($2, '2026-01-02 12:00Z', null)`,
    values: [done, open],
  });
  await migrate({ url });
  const certificate = await readErasure(database, done);
  assert.deepEqual(
    [certificate.hours_recomputed, certificate.hours_kept, certificate.erased.raw_events],
    [1, 1, 7],
  );
  const continued = await readErasure(database, open);
  assert.deepEqual(
    [continued.state, continued.stage, continued.after_request, continued.blocked],
    ["queued", null, "allow", false],
  );
  const runs = await database.query({
    text: "select extract(hour from start at time zone 'UTC')::int as hour from etl.window_runs where state = 'queued' order by 1",
  });
  assert.deepEqual(runs, [{ hour: 10 }, { hour: 12 }]);
});

test("an erasure whose raw events the previous version had deleted ends with exact windows", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = makeLedger(41, 600).filter(({ at }) => at > Date.now() - 8 * 86_400_000);
  await appendEvents(database.ingest, ledger);
  while ((await runStep(database.app, { epoch: 0, maxEvents: 5_000 })).more);
  const user = "u1";
  await database.owner.query({
    text: "insert into erasure.requests (id, user_hash, user_key, requested_by) values ($1, $2, $3, 'x')",
    values: [open, hashOfUser(user), user],
  });
  // as the previous version: half of the events are gone, their hours are queued
  await database.owner.query({
    text: `with gone as (
             delete from raw.events where user_key = $1 and event_id < '80000000-0000-0000-0000-000000000000' returning occurred_at)
           insert into etl.window_runs (size, start, state, requested_by)
           select distinct 'hour', date_trunc('hour', occurred_at, 'UTC'), 'queued', 'erasure' from gone`,
    values: [user],
  });
  startErasure(t, database);
  const signal = new AbortController().signal;
  const ended = certificateOf(database, open);
  while (await executeNextRun(database.app, 0, signal));
  await ended;
  const left = ledger.filter((event) => event.user !== user);
  assert.deepEqual(differences(expectedLines(left), await storedLines(database.app)), []);
});

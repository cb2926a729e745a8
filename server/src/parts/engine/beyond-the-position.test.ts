/** Everything that asks which events the windows count also asks for those that Spark has folded beyond the position. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase, mutate } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import { SparkJob, Topic } from "../../../test/helpers/etl/spark-model.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { audit } from "../etl/audit.ts";
import { executeNextRun, requestRerun } from "../etl/reruns.ts";
import { runStep } from "../etl/step.ts";
import { readLag } from "../log/lag.ts";
import { configureEngine, readEngine, useEngine } from "./engine.ts";

const dayMs = 86_400_000;

/** 300 events of three transactions; Spark has folded one of two partitions, so a part of each transaction. */
async function foldHalf(database: TestDatabase, seed: number) {
  const { owner } = database;
  const ledger = makeLedger(seed, 400)
    .filter(({ at }) => at > Date.now() - 5 * dayMs)
    .slice(0, 300);
  for (let n = 0; n < 3; n++) {
    await appendEvents(database.ingest, ledger.slice(100 * n, 100 * n + 100));
  }
  const topic = new Topic(2);
  await topic.relay(owner);
  const job = new SparkJob(owner, topic);
  await useEngine(owner, { engine: "spark", actor: "test" });
  await job.begin();
  const { folded } = await job.fold(await job.stage([1_000, 0]));
  assert.ok(folded > 50 && folded < 250, String(folded));
  assert.equal((await readEngine(owner)).foldedBeyond, folded);
  return { ledger, topic, job, folded };
}

async function auditErrors(database: TestDatabase): Promise<unknown[]> {
  const found = [];
  for await (const report of audit(database.app)) {
    if (report.kind === "difference") found.push(report);
  }
  return found;
}

test("what Spark has folded is not unread, and the audit counts it", async (t) => {
  const database = await createEtlDatabase(t);
  const { ledger, job, folded } = await foldHalf(database, 1);
  assert.equal((await readLag(database.app, "windows"))?.events, ledger.length - folded);
  assert.deepEqual(await auditErrors(database), []);
  await job.fold(await job.stage([0, 1_000]));
  assert.equal((await readLag(database.app, "windows"))?.events, 0);
  assert.equal((await readEngine(database.app)).foldedBeyond, 0);
  assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
});

test("control: an audit that knows the position alone finds differences", async (t) => {
  const database = await createEtlDatabase(t);
  await foldHalf(database, 1);
  await database.owner.query({
    text: `create or replace view engine.counted as select r.* from raw.events r
           where pg_visible_in_snapshot(r.xid, (select position from log.readers where name = 'windows'))`,
  });
  assert.notDeepEqual(await auditErrors(database), []);
});

for (const isRight of [true, false]) {
  const what = isRight
    ? "a damaged hour is right again"
    : "control: a rerun by position alone is found";
  test(`${what} after a rerun beside Spark`, async (t) => {
    const database = await createEtlDatabase(t);
    if (!isRight) {
      await mutate(database.owner, {
        in: "etl.stage_events(pg_snapshot, timestamptz, timestamptz, integer, integer[])",
        from: "has_folded boolean := exists (select from engine.folded)",
        to: "has_folded boolean := false",
      });
    }
    const { ledger, job } = await foldHalf(database, 2);
    const [most] = await database.owner.query<{ hour: number }>({
      text: `select bucket as hour from analytics.window_totals where size = 2 and bucket > 1000
             order by events desc, bucket limit 1`,
    });
    const hour = most?.hour ?? 0;
    await database.owner.query({
      text: `update analytics.window_counts set events = events + 1 where size = 2 and bucket = $1`,
      values: [hour],
    });
    await database.owner.query({
      text: "delete from analytics.sessions where started_at >= to_timestamp($1) and started_at < to_timestamp($1 + 3600)",
      values: [hour * 3_600],
    });
    const start = new Date(hour * 3_600_000);
    await requestRerun(database.app, { size: "hour", start, requestedBy: "test" });
    // batches between the comparison and the correction
    const folding = (async () => {
      while (!job.isAtEnd) await job.fold(await job.stage([0, 5]));
    })();
    await executeNextRun(database.app, 0, new AbortController().signal);
    await folding;
    const found = differences(expectedLines(ledger), await storedLines(database.app));
    if (isRight) assert.deepEqual(found, []);
    else assert.notDeepEqual(found, []);
  });
}

test("an erased user leaves the windows, and messages that Kafka still holds do not bring the user back", async (t) => {
  const database = await createEtlDatabase(t);
  const { ledger, topic, job } = await foldHalf(database, 3);
  const counts = new Map<string, number>();
  for (const { user } of ledger) {
    if (user !== null) counts.set(user, (counts.get(user) ?? 0) + 1);
  }
  const [user = ""] = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  startErasure(t, database);
  const { id } = await requestAs(database, user, "allow");
  const later = makeLedger(4, 50)
    .filter(({ at }) => at > Date.now() - 5 * dayMs)
    .map((event): LedgerEvent => ({ ...event, user }));
  await appendEvents(database.ingest, later);
  await topic.relay(database.owner);
  await job.fold(await job.stage([1_000, 0]));
  await certificateOf(database, id);
  assert.deepEqual(await auditErrors(database), []);
  // everything again, as after a lost checkpoint
  job.rewind([10_000, 10_000]);
  const { gone } = await job.fold(await job.stage([10_000, 10_000]));
  assert.ok(gone > 0);
  assert.deepEqual(await auditErrors(database), []);
  const left = [...ledger.filter((event) => event.user !== user), ...later];
  assert.deepEqual(differences(expectedLines(left), await storedLines(database.app)), []);
});

test("a batch whose staged events are missing folds nothing and is refused", async (t) => {
  const database = await createEtlDatabase(t);
  const { job, folded } = await foldHalf(database, 5);
  const staged = await job.stage([0, 40]);
  // as after a crash of PostgreSQL, which empties unlogged tables
  await database.owner.query({
    text: "delete from engine.staged where event_id in (select event_id from engine.staged limit 1)",
  });
  await assert.rejects(job.fold(staged), { code: "WE001" });
  assert.equal((await readEngine(database.app)).run?.events, folded);
  await job.fold(await job.stage([0, 1_000]));
  assert.equal((await readEngine(database.app)).foldedBeyond, 0);
});

test("without new events, the position still moves while Spark is the engine", async (t) => {
  const database = await createEtlDatabase(t);
  const { job } = await foldHalf(database, 6);
  await job.fold(await job.stage([0, 1_000]));
  const position = async () =>
    (
      await database.owner.query<{ position: string }>({
        text: "select position::text from log.readers where name = 'windows'",
      })
    )[0]?.position;
  const before = await position();
  await database.owner.query({ text: "select pg_current_xact_id()" });
  await database.owner.query({ text: "update log.readers set read_at = 'epoch'" });
  assert.equal((await runStep(database.app, { epoch: 0, maxEvents: 100 })).events, 0);
  assert.notEqual(await position(), before);
});

test("an older run, and a job of another contract, are refused", async (t) => {
  const { owner } = await createEtlDatabase(t);
  const begin = (contract: number) =>
    owner.query<{ epoch: string }>({
      text: "select engine.begin_run($1, 'test', 'test') as epoch",
      values: [contract],
    });
  await assert.rejects(begin(1), { code: "WF001" });
  await useEngine(owner, { engine: "spark", actor: "test" });
  await assert.rejects(begin(3), { code: "WE002" });
  await assert.rejects(begin(0), { code: "WE002" });
  const [first] = await begin(1);
  await begin(1);
  const report = { text: "select engine.report($1, '{}')", values: [first?.epoch] };
  await assert.rejects(owner.query(report), { code: "WF001" });
});

test("the setting decides when it has changed; a choice at run time outlives restarts", async (t) => {
  const { owner } = await createEtlDatabase(t);
  assert.equal(await configureEngine(owner, "builtin"), "builtin");
  assert.equal(await useEngine(owner, { engine: "spark", actor: "test" }), true);
  assert.equal(await useEngine(owner, { engine: "spark", actor: "test" }), false);
  assert.equal(await configureEngine(owner, "builtin"), "spark");
  assert.equal(await configureEngine(owner, "spark"), "spark");
  assert.equal(await configureEngine(owner, "builtin"), "builtin");
});

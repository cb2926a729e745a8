/** A dump that is restored to another cluster: transaction ids begin again there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { makeId, makeRandom } from "../../../../testing/random.ts";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { SparkJob, Topic } from "../../../test/helpers/etl/spark-model.ts";
import type { LogPage } from "../../core/ports/log.ts";
import { audit } from "../etl/audit.ts";
import { runStep } from "../etl/step.ts";
import { clusterProblem } from "./cluster.ts";
import { createPageReader } from "./page-reader.ts";

/** As if it had been dumped from a cluster whose ids were this far ahead (or behind: a negative number). */
async function restoreFrom({ owner }: TestDatabase, ahead: number): Promise<void> {
  const moved = (snapshot: string) => `(
    select ((pg_snapshot_xmin(${snapshot})::text::bigint + ${ahead}) || ':' || (pg_snapshot_xmax(${snapshot})::text::bigint + ${ahead})
      || ':' || coalesce((select string_agg((x::text::bigint + ${ahead})::text, ',' order by x) from pg_snapshot_xip(${snapshot}) x), ''))::pg_snapshot)`;
  for (const text of [
    "update log.incarnations set cluster = '7/7'",
    "update log.current_incarnation set cluster = '7/7'",
    `update raw.events set xid = (xid::text::bigint + ${ahead})::text::xid8`,
    `update log.readers set position = ${moved("position")} where position::text <> '1:1:'`,
    `update erasure.requests set seen = ${moved("seen")}`,
    `update engine.folded set xid = (xid::text::bigint + ${ahead})::text::xid8`,
    `update log.pages set from_position = ${moved("from_position")}, to_position = ${moved("to_position")}`,
  ]) {
    await owner.query({ text });
  }
}

const random = makeRandom(3);

async function writeEvents({ ingest }: TestDatabase, count: number): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    id: makeId(random),
    service: 1,
    type: "product.view",
    action: "view" as const,
    at: Math.floor(Date.now() / 1_000) * 1_000,
    user: `u${Math.floor(random() * 5)}`,
    product: `p${Math.floor(random() * 5)}`,
    amount: null,
    currency: null,
    items: null,
  }));
  await appendEvents(ingest, events);
  return events.map(({ id }) => id);
}

const step = (database: TestDatabase, maxEvents: number) =>
  runStep(database.app, { epoch: 0, maxEvents });

async function readAll(database: TestDatabase, page: LogPage | undefined): Promise<string[]> {
  if (page === undefined) return [];
  const pages = createPageReader(database.app, "stream");
  const ids: string[] = [];
  const { signal } = new AbortController();
  for await (const chunk of pages.read(page, { about: "all", signal })) {
    ids.push(...chunk.map(({ eventId }) => eventId));
  }
  assert.equal(await pages.finish(database.app, page), true);
  return ids;
}

for (const ahead of [1_000_000_000, 0]) {
  test(`every reader continues with what it had not processed (ids ${ahead} ahead)`, async (t) => {
    const database = await createEtlDatabase(t);
    const { app, owner } = database;
    const pages = createPageReader(app, "stream");
    await pages.register();
    const claim = () => pages.claim({ owner: "w", maxEvents: 1_000, patienceMs: 60_000 });
    // read by both; claimed, and read by the windows; read by the windows alone; by neither
    await writeEvents(database, 3);
    await readAll(database, await claim());
    const claimed = await writeEvents(database, 4);
    assert.equal((await claim())?.events, 4);
    const unclaimed = await writeEvents(database, 5);
    assert.equal((await step(database, 1_000)).events, 12);
    const unread = await writeEvents(database, 6);

    await restoreFrom(database, ahead);
    await assert.rejects(step(database, 1_000), { code: "WF004" });
    await assert.rejects(claim(), { code: "WF004" });
    assert.match((await clusterProblem(app)) ?? "", /restored from a dump/);
    const adopt = { text: "select log.adopt_restored() as adopted" };
    assert.deepEqual(await owner.query(adopt), [{ adopted: true }]);
    assert.deepEqual(await owner.query(adopt), [{ adopted: false }]);
    assert.equal(await clusterProblem(app), undefined);
    const isKept = (await owner.query({ text: "select from log.pages" })).length === 1;
    assert.ok(ahead === 0 || !isKept);
    const sent = await writeEvents(database, 2);

    assert.equal((await step(database, 1_000)).events, 8);
    const left = await readAll(database, await claim());
    // where ids were renumbered, what was claimed is unread again
    const expected = [...(isKept ? [] : claimed), ...unclaimed, ...unread, ...sent];
    assert.deepEqual(left.sort(), expected.sort());
    assert.equal((await step(database, 1_000)).events, 0);
    let days = 0;
    for await (const report of audit(app)) {
      assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
      assert.equal(report.events, 20);
      days++;
    }
    assert.equal(days, 1);
  });
}

test("a log that is restored twice is adapted twice", async (t) => {
  const database = await createEtlDatabase(t);
  const { owner } = database;
  await writeEvents(database, 3);
  assert.equal((await step(database, 1_000)).events, 3);
  await writeEvents(database, 4);
  for (let n = 0; n < 2; n++) {
    await restoreFrom(database, 1_000_000);
    await owner.query({ text: "select log.adopt_restored()" });
  }
  assert.equal((await step(database, 1_000)).events, 4);
});

for (const ahead of [1_000_000, 0]) {
  test(`what Spark had folded is not folded again, nor left out, after a restore (ids ${ahead} ahead)`, async (t) => {
    const database = await createEtlDatabase(t);
    const { owner } = database;
    const topic = new Topic(2);
    const job = new SparkJob(owner, topic);
    await owner.query({ text: "select engine.use('spark', 'test')" });
    await job.begin();
    for (let n = 0; n < 4; n++) await writeEvents(database, 10);
    await topic.relay(owner);
    // all of one partition: a part of each transaction
    const { folded } = await job.fold(await job.stage([1_000, 0]));
    assert.ok(folded > 5 && folded < 35, String(folded));
    await restoreFrom(database, ahead);
    await owner.query({ text: "select log.adopt_restored()" });
    await owner.query({ text: "select engine.use('builtin', 'test')" });
    assert.equal((await step(database, 1_000)).events, 40 - folded);
    assert.deepEqual(await owner.query({ text: "select from engine.folded" }), []);
    for await (const report of audit(database.app)) {
      assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
      assert.equal(report.events, 40);
    }
  });
}

test("an erasure that was open in the dump covers the same events", async (t) => {
  const database = await createEtlDatabase(t);
  const { owner } = database;
  await writeEvents(database, 30);
  await step(database, 1_000);
  const { id } = await requestAs(database, "u1", "allow");
  const later = await writeEvents(database, 30);
  const mine = { text: "select event_id as id from raw.events where user_key = 'u1'" };
  const all = (await owner.query<{ id: string }>(mine)).map((row) => row.id);
  await restoreFrom(database, 1_000_000);
  await owner.query({ text: "select log.adopt_restored()" });
  later.push(...(await writeEvents(database, 10)));
  startErasure(t, database);
  const { erased } = await certificateOf(database, id);
  while ((await step(database, 1_000)).more);
  const left = (await owner.query<{ id: string }>(mine)).map((row) => row.id);
  assert.equal(erased.raw_events, all.filter((event) => !later.includes(event)).length);
  assert.ok(left.length > 0 && left.every((event) => later.includes(event)));
  for await (const report of audit(database.app)) {
    assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
  }
});

/** What becomes of each after a restore. */
const columnsOfTransactions: Readonly<Record<string, string>> = {
  "clock.days xid": "log.renumber_restored",
  "deliveries.replays end_position": "end_incarnation says where it is valid",
  "deliveries.subscriptions start_position": "start_incarnation says where it is valid",
  "engine.folded xid": "log.renumber_restored",
  "engine.staged xid": "emptied by log.adopt_restored",
  "erasure.requests seen": "log.renumber_restored",
  "etl.retired_users xid": "emptied by log.adopt_restored",
  "etl.retractions xid": "emptied by log.adopt_restored",
  "log.pages from_position": "emptied by log.renumber_restored",
  "log.pages to_position": "emptied by log.renumber_restored",
  "log.readers position": "log.renumber_restored",
  "log.reopenings xid": "emptied by log.renumber_restored",
  "raw.events xid": "log.renumber_restored",
  "vectors.collections purged": "vectors.mend_feed",
  "vectors.collections purged_by": "vectors.mend_feed",
  "vectors.points changed": "vectors.mend_feed",
  "vectors.points vector_changed": "vectors.mend_feed",
};

test("every column that holds a transaction id or a position is adapted after a restore", async (t) => {
  const { owner } = await createEtlDatabase(t);
  const rows = await owner.query<{ name: string }>({
    text: `select n.nspname || '.' || c.relname || ' ' || a.attname as name
           from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           where a.attnum > 0 and a.atttypid in ('xid8'::regtype, 'pg_snapshot'::regtype, 'xid'::regtype)
             and c.relkind in ('r', 'p') and not c.relispartition
             and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
           order by 1`,
  });
  assert.deepEqual(
    rows.map(({ name }) => name),
    Object.keys(columnsOfTransactions).sort(),
  );
});

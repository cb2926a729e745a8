/** Reruns through the contract with Spark: many sessions at once, beside live events and other reruns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { busiestHour, damage, foldAll, keepFolding } from "../../../test/helpers/etl/damage.ts";
import { createEtlDatabase, mutate } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import {
  applyHour,
  beginRerun,
  openSession,
  runRerun,
  stageHour,
} from "../../../test/helpers/etl/spark-rerun.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { executeNextRun, requestRerun } from "../etl/reruns.ts";
import {
  claimRerun,
  holdRerun,
  noteRerunFailure,
  readSparkRerun,
  requestSparkRerun,
} from "./reruns.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Six hours around a midnight. */
interface Bench {
  readonly database: TestDatabase;
  readonly ledger: LedgerEvent[];
  readonly hour: Date;
  readonly range: { readonly from: Date; readonly until: Date };
}

async function prepare(t: Parameters<typeof createEtlDatabase>[0], seed: number): Promise<Bench> {
  const database = await createEtlDatabase(t);
  const from = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs - 3 * hourMs;
  const ledger = makeLedger(seed, 400).map((event) => ({
    ...event,
    at: from + (event.at % (6 * hourMs)),
  }));
  await appendEvents(database.ingest, ledger);
  await foldAll(database);
  return {
    database,
    ledger,
    hour: busiestHour(ledger),
    range: { from: new Date(from), until: new Date(from + 6 * hourMs) },
  };
}

function request({ database, range }: Bench): Promise<string> {
  return requestSparkRerun(database.app, { ...range, requestedBy: "test" });
}

async function damageRange({ database, range }: Bench): Promise<void> {
  for (let at = range.from.getTime(); at < range.until.getTime(); at += hourMs) {
    await damage(database, new Date(at), 1);
  }
}

async function wrongLines({ database, ledger }: Bench): Promise<readonly string[]> {
  return differences(expectedLines(ledger), await storedLines(database.app));
}

test("hours of two days that were damaged are right after a rerun of both at once, while events arrive", async (t) => {
  const bench = await prepare(t, 31);
  await damageRange(bench);
  assert.notDeepEqual(await wrongLines(bench), []);
  const live = keepFolding(bench.database, bench.hour);
  const id = await request(bench);
  assert.equal(await request(bench), id, "an open rerun of the same range is continued");
  await runRerun(t, bench.database, id);
  bench.ledger.push(...(await live.stop()));
  assert.deepEqual(await wrongLines(bench), []);
  const ended = await readSparkRerun(bench.database.app, id);
  assert.deepEqual([ended?.state, ended?.changed, ended?.error], ["done", true, null]);

  const days = {
    from: new Date(bench.range.from.getTime() - 21 * hourMs),
    until: new Date(bench.range.until.getTime() + 21 * hourMs),
  };
  const again = await request({ ...bench, range: days });
  await runRerun(t, bench.database, again);
  const unchanged = await readSparkRerun(bench.database.app, again);
  assert.deepEqual([unchanged?.state, unchanged?.changed, unchanged?.pass], ["done", false, 1]);
  assert.equal(unchanged?.rows, bench.ledger.length);
  const [runs] = await bench.database.app.query<{ days: number; rows: number }>({
    text: `select count(*)::int as days, sum(rows)::int as rows from etl.window_runs
           where requested_by = 'test' and size = 'day' and state = 'done' and not changed`,
  });
  assert.deepEqual(runs, { days: 2, rows: bench.ledger.length });
});

test("reruns of the same hours by two jobs and the built-in engine at once correct each number once", async (t) => {
  const bench = await prepare(t, 32);
  const { database, range } = bench;
  await damageRange(bench);
  const wide = await request(bench);
  const narrow = await requestSparkRerun(database.app, {
    from: range.from,
    until: new Date(range.until.getTime() - hourMs),
    requestedBy: "test",
  });
  for (let at = range.from.getTime(); at < range.until.getTime(); at += hourMs) {
    await requestRerun(database.app, { size: "hour", start: new Date(at), requestedBy: "test" });
  }
  const builtin = async () => {
    while (await executeNextRun(database.app, 0, new AbortController().signal)) {}
  };
  await Promise.all([runRerun(t, database, wide), runRerun(t, database, narrow), builtin()]);
  assert.deepEqual(await wrongLines(bench), []);
});

for (const isMutated of [false, true]) {
  const name = isMutated
    ? "control: without the revision of the day, a correction that is applied twice is found out"
    : "an hour that another rerun has corrected since it was staged is staged again";
  test(name, async (t) => {
    const bench = await prepare(t, 33);
    const { database } = bench;
    await damage(database, bench.hour, 1);
    if (isMutated) {
      await mutate(database.owner, {
        in: "etl.apply_rerun(bigint, integer)",
        from: " or etl.day_revision(hour) <> staged.revision",
        to: "",
      });
    }
    const { id, token } = await beginRerun(t, database, await request(bench));
    const at = { id, token, pass: 1, hour: bench.hour.getTime() / hourMs };
    const [first, second] = [await openSession(t, database), await openSession(t, database)];
    await stageHour(first, at);
    await stageHour(second, at);
    assert.equal(await applyHour(first, at), true);
    assert.equal(await applyHour(second, at), isMutated);
    const wrong = await wrongLines(bench);
    assert.equal(wrong.length > 0, isMutated, wrong.join("\n"));
  });
}

test("a job that died is continued where it was, and its remaining tasks are refused", async (t) => {
  const bench = await prepare(t, 34);
  await damageRange(bench);
  const id = await request(bench);
  const dead = await beginRerun(t, bench.database, id);
  const [day, other] = await dead.work();
  assert.ok(day !== undefined && other !== undefined);
  await dead.runDay(day, 2);
  const session = await openSession(t, bench.database);
  const at = { id, token: dead.token, pass: 1, hour: other.hours[0] ?? 0 };
  await stageHour(session, at);

  const next = await beginRerun(t, bench.database, id);
  assert.deepEqual((await next.work())[0]?.hours, day.hours.slice(2));
  await assert.rejects(applyHour(session, at), { code: "WF001" });
  await assert.rejects(stageHour(session, at), { code: "WF001" });
  await assert.rejects(dead.work(), { code: "WF001" });
  const outside = { id, token: next.token, pass: 1, hour: bench.range.until.getTime() / hourMs };
  await assert.rejects(stageHour(session, outside), { code: "WF001" });
  await assert.rejects(stageHour(session, { ...at, token: next.token, pass: 2 }), {
    code: "WF001",
  });

  await runRerun(t, bench.database, id);
  assert.deepEqual(await wrongLines(bench), []);
  await assert.rejects(beginRerun(t, bench.database, id), { code: "WF001" });
});

test("an hour whose raw events retention has dropped is not recomputed", async (t) => {
  const bench = await prepare(t, 35);
  const { id, token } = await beginRerun(t, bench.database, await request(bench));
  const session = await openSession(t, bench.database);
  const at = { id, token, pass: 1, hour: bench.hour.getTime() / hourMs };
  await damage(bench.database, bench.hour, 1);
  await stageHour(session, at);
  await bench.database.owner.query({
    text: "insert into raw.dropped (until) values ((now() + interval '3 days')::date)",
  });
  await assert.rejects(applyHour(session, at), { code: "WE003" });
  await assert.rejects(stageHour(session, at), { code: "WE003" });
  await assert.rejects(request(bench), /retention/);
});

test("a rerun has one supervisor, and fails when its job ends five times without progress", async (t) => {
  const bench = await prepare(t, 36);
  const { app } = bench.database;
  const id = await request(bench);
  assert.equal(await claimRerun(app, "a"), id);
  assert.equal(await claimRerun(app, "b"), undefined);
  assert.equal(await holdRerun(app, { id, supervisor: "b" }), false);
  await app.query({ text: "update engine.reruns set supervised_at = 'epoch'" });
  assert.equal(await claimRerun(app, "b"), id);
  const fail = () => noteRerunFailure(app, { id, error: "no Python" });
  for (let n = 0; n < 4; n++) await fail();
  const job = await beginRerun(t, bench.database, id);
  const [day] = await job.work();
  assert.ok(day !== undefined);
  await job.runDay(day, 1);
  for (let n = 0; n < 4; n++) await fail();
  assert.equal((await readSparkRerun(app, id))?.state, "open");
  await fail();
  const ended = await readSparkRerun(app, id);
  assert.deepEqual([ended?.state, ended?.error], ["failed", "no Python"]);
  assert.equal(await claimRerun(app, "b"), undefined);
});

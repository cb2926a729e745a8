/**
 * `weir windows rerun --engine spark`: the same rows as the built-in rerun while events keep arriving, also when the driver
 * is killed in between. `WEIR_TEST_PARITY_EVENTS=200000 WEIR_TEST_SPARK_KILLS=20` is the full suite.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CleanUp, TestDatabase } from "../../../../testing/database.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { readSparkRerun, requestSparkRerun } from "../../../src/parts/engine/reruns.ts";
import { requestRerun } from "../../../src/parts/etl/reruns.ts";
import { damage } from "../../helpers/etl/damage.ts";
import { createEtlDatabase } from "../../helpers/etl/database.ts";
import { differences } from "../../helpers/etl/window-oracle.ts";
import { analyticsLines, send, startBuiltin, untilFolded } from "../../helpers/spark/engines.ts";
import { createSparkJob } from "../../helpers/spark/job.ts";
import { parityEvents } from "../../helpers/spark/parity-events.ts";

const hourMs = 3_600_000;
const events = Math.ceil(parityEvents / 5);
/** Each start of the JVM takes a quarter of a minute; `reruns.test.ts` has jobs that die without one. */
const kills = Number(process.env["WEIR_TEST_SPARK_KILLS"] ?? 0);
const servers = await requireServers("spark");

interface Range {
  readonly from: Date;
  readonly until: Date;
}

test(
  `a rerun of ${events} events by Spark, killed ${kills} times, leaves the rows of the built-in rerun`,
  servers,
  async (t) => {
    const [builtin, spark] = [await createDamaged(t), await createDamaged(t)];
    const range = await rangeOf(spark);
    await rerunByBuiltin(t, builtin, range);

    const id = await requestSparkRerun(spark.app, { ...range, requestedBy: "test" });
    const job = await createSparkJob(t, { database: spark, brokers: ["127.0.0.1:1"] });
    for (let kill = 0; kill < kills; kill++) {
      const position = await holdPosition(spark);
      const killed = job.rerun(id);
      await until(() => isCorrecting(spark), {
        what: "the job to wait for the position with a correction",
        everyMs: 250,
        timeoutMs: 120_000,
      });
      await killed.kill9();
      assert.equal((await readSparkRerun(spark.app, id))?.state, "open");
      await position.release();
      for (const hour of hours(range)) await damage(spark, hour, 1);
    }

    // new events are folded while the job works
    const workers = [startBuiltin(t, builtin), startBuiltin(t, spark)];
    const last = job.rerun(id);
    for (const database of [builtin, spark]) await send(t, database, [events, 2 * events]);
    assert.equal(await last.exited, 0, await last.log());
    const ended = await readSparkRerun(spark.app, id);
    assert.deepEqual([ended?.state, ended?.changed, ended?.error], ["done", true, null]);

    const undamaged = await createEtlDatabase(t);
    const { accepted } = await send(t, undamaged, [0, 2 * events]);
    workers.push(startBuiltin(t, undamaged));
    for (const database of [builtin, spark, undamaged]) await untilFolded(database, accepted);
    for (const worker of workers) await worker.stop();
    const rows = await analyticsLines(undamaged);
    assert.deepEqual(differences(rows, await analyticsLines(builtin)), []);
    assert.deepEqual(differences(rows, await analyticsLines(spark)), []);
  },
);

/** Windows of which the half is wrong. */
async function createDamaged(t: CleanUp): Promise<TestDatabase> {
  const database = await createEtlDatabase(t);
  const { accepted } = await send(t, database, [0, events]);
  const worker = startBuiltin(t, database);
  await untilFolded(database, accepted);
  await worker.stop();
  const right = await analyticsLines(database);
  for (const hour of hours(await rangeOf(database))) await damage(database, hour, 1);
  assert.notDeepEqual(differences(right, await analyticsLines(database)), []);
  return database;
}

/** From two hours before the day of the last event, when late ones occurred, to the hour after it. */
async function rangeOf({ owner }: TestDatabase): Promise<Range> {
  const [row] = await owner.query<Range>({
    text: `select date_trunc('day', max(occurred_at), 'UTC') - interval '2 hours' as from,
             date_trunc('hour', max(occurred_at), 'UTC') + interval '1 hour' as until from raw.events`,
  });
  assert.ok(row !== undefined);
  return row;
}

function hours({ from, until: end }: Range): Date[] {
  const count = (end.getTime() - from.getTime()) / hourMs;
  return Array.from({ length: count }, (_, n) => new Date(from.getTime() + n * hourMs));
}

async function rerunByBuiltin(t: CleanUp, database: TestDatabase, range: Range): Promise<void> {
  const worker = startBuiltin(t, database);
  for (const start of hours(range)) {
    await requestRerun(database.app, { size: "hour", start, requestedBy: "test" });
  }
  const open = { text: "select from etl.window_runs where state <> 'done'" };
  await until(async () => (await database.app.query(open)).length === 0, {
    what: "the reruns of the built-in engine",
    everyMs: 250,
    timeoutMs: 120_000 + 5 * events,
  });
  await worker.stop();
}

/** Nothing can be corrected until it is released. */
async function holdPosition({ owner }: TestDatabase): Promise<{ release(): Promise<void> }> {
  const [locked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = owner.transaction(async (connection) => {
    await connection.query({ text: "select from log.readers where name = 'windows' for update" });
    locked.resolve();
    await released.promise;
  });
  await locked.promise;
  return {
    async release() {
      released.resolve();
      await holding;
    },
  };
}

async function isCorrecting({ owner }: TestDatabase): Promise<boolean> {
  const waiting = await owner.query({
    text: `select from pg_stat_activity where usename = 'weir_spark' and datname = current_database()
             and wait_event_type = 'Lock' and query like '%apply_rerun%'`,
  });
  return waiting.length > 0;
}

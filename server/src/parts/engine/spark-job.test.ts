/** The supervision of the Spark job, with real processes that do not use Spark. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { launchJob } from "../../adapters/spark/launch.ts";
import type { Notifications } from "../../core/ports/database.ts";
import { readEngine, useEngine, wantJob } from "./engine.ts";
import { createSparkJob, type JobTask, type RunningJob } from "./spark-job.ts";

/** Ends at once when it is asked to. */
const obedient = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

test("the job runs while Spark is the engine and the job is wanted, and is started again when it is killed", async (t) => {
  const { database, jobs } = await startSupervisor(t, obedient);
  await useEngine(database, { engine: "spark", actor: "test" });
  const first = await nth(jobs, 0);
  assert.deepEqual(first.task, { windows: true });
  first.job.kill();
  const second = await nth(jobs, 1);
  await useEngine(database, { engine: "builtin", actor: "test" });
  assert.equal((await second.job.ended).code, 0, "it was asked, not killed");
  await useEngine(database, { engine: "spark", actor: "test" });
  const third = await nth(jobs, 2);
  assert.equal(await wantJob(database, { wanted: false, actor: "test" }), true);
  assert.equal((await third.job.ended).code, 0);
  const state = await readEngine(database);
  assert.deepEqual([state.engine, state.jobWanted, state.supervisor], ["spark", false, "test"]);
  assert.equal(jobs.length, 3);
  const audited = await database.query<{ entry: string }>({
    text: "select actor || ' ' || action || ' ' || subject as entry from auth.audit_log order by id",
  });
  assert.deepEqual(
    audited.map(({ entry }) => entry),
    [
      "test engine.use spark",
      "test engine.use builtin",
      "test engine.use spark",
      "test engine.stop spark",
    ],
  );
});

test("a job that stops reporting is killed and started again; one that reports runs on", async (t) => {
  const { database, jobs } = await startSupervisor(t, 'trap "" TERM; while :; do sleep 0.05; done');
  await useEngine(database, { engine: "spark", actor: "test" });
  const first = await nth(jobs, 0);
  const [run] = await database.query<{ epoch: string }>({
    text: "select engine.begin_run(1, 'test', 'test') as epoch",
  });
  for (let n = 0; n < 8; n++) {
    await database.query({
      text: `select engine.report($1, '{"state":"running"}'), pg_sleep(0.1)`,
      values: [run?.epoch],
    });
  }
  assert.equal(jobs.length, 1);
  assert.equal((await first.job.ended).code, null);
  await nth(jobs, 1);
});

test("a job that was fenced is not started again while the built-in engine folds", async (t) => {
  const { database, jobs } = await startSupervisor(t, "exit 3");
  await useEngine(database, { engine: "spark", actor: "test" });
  await nth(jobs, 0);
  await useEngine(database, { engine: "builtin", actor: "test" });
  const { length } = jobs;
  await database.query({ text: "select pg_sleep(0.5)" });
  assert.ok(jobs.length <= length + 1, String(jobs.length));
});

function nth<T>(jobs: readonly T[], n: number): Promise<T> {
  return until(async () => jobs[n], { what: `job ${n}`, timeoutMs: 20_000 });
}

async function startSupervisor(t: TestContext, script: string) {
  const { owner: database } = await createTestDatabase(t);
  const jobs: { readonly task: JobTask; readonly job: RunningJob }[] = [];
  let wake = () => {};
  const notifications: Notifications = {
    subscribe(_channel, listener) {
      wake = listener;
      return () => {};
    },
  };
  const part = createSparkJob({
    ...{ database, notifications, owner: "test" },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    async launch(task) {
      const job = await launchJob({
        ...{ command: "/bin/sh", args: ["-c", script], environment: {} },
        onLine() {},
      });
      jobs.push({ task, job });
      return job;
    },
    embeds: () => false,
    limits: () => ({ startMs: 2_000, heartbeatMs: 500, stopMs: 5_000 }),
    lookMs: 50,
  });
  const aborting = new AbortController();
  const running = part.run(aborting.signal);
  t.after(async () => {
    aborting.abort();
    wake();
    await running;
  });
  return { database, jobs };
}

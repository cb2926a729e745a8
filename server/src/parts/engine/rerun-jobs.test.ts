/** The supervision of reruns by Spark, with real processes that do not use Spark. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { launchJob } from "../../adapters/spark/launch.ts";
import type { Notifications } from "../../core/ports/database.ts";
import { createRerunJobs } from "./rerun-jobs.ts";
import { readSparkRerun, requestSparkRerun } from "./reruns.ts";
import type { RunningJob } from "./spark-job.ts";

const range = {
  from: new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000),
  until: new Date(Math.floor(Date.now() / 3_600_000 + 1) * 3_600_000),
  requestedBy: "test",
};

test("a job runs for a rerun, and again when it was killed, until the rerun has ended", async (t) => {
  const { database, jobs } = await startSupervisor(t, "while :; do sleep 0.05; done");
  const id = await requestSparkRerun(database, range);
  const first = await nth(jobs, 0);
  assert.equal(first.rerun, id);
  first.job.kill();
  const second = await nth(jobs, 1);
  assert.match((await readSparkRerun(database, id))?.error ?? "", /ended with a signal/);
  await database.query({ text: "update engine.reruns set state = 'done'" });
  second.job.kill();
  await second.job.ended;
  const next = await requestSparkRerun(database, range);
  assert.notEqual(next, id);
  assert.equal((await nth(jobs, 2)).rerun, next, "the rerun that has ended is not run again");
});

function nth<T>(jobs: readonly T[], n: number): Promise<T> {
  return until(async () => jobs[n], { what: `job ${n}` });
}

async function startSupervisor(t: TestContext, script: string) {
  const { owner: database } = await createTestDatabase(t);
  const jobs: { readonly rerun: string; readonly job: RunningJob }[] = [];
  let wake = () => {};
  const notifications: Notifications = {
    subscribe(_channel, listener) {
      wake = listener;
      return () => {};
    },
  };
  const part = createRerunJobs({
    ...{ database, notifications, owner: "test" },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    async launch(rerun) {
      const job = await launchJob({
        ...{ command: "/bin/sh", args: ["-c", script], environment: {} },
        onLine() {},
      });
      jobs.push({ rerun, job });
      return job;
    },
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

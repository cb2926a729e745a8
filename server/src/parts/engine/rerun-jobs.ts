/**
 * Runs a batch job of Spark for each requested rerun of windows, one at a time. A job that ends early is started again and
 * continues; two supervisors do no harm, because a rerun belongs to the job that began last (WF001).
 */
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Part } from "../../core/ports/part.ts";
import { Stillness } from "../../core/stillness.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import { claimRerun, holdRerun, noteRerunFailure, readSparkRerun } from "./reruns.ts";
import type { RunningJob } from "./spark-job.ts";

export interface RerunJobsOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly logger: Logger;
  /** Unique among supervisors, and readable: host, pid. */
  readonly owner: string;
  readonly launch: (rerun: string) => Promise<RunningJob>;
  readonly lookMs?: number;
}

const lookMs = 2_000;
/** The supervisor of all processes gives each three seconds. */
const shutdownMs = 2_000;
const restartMs = { first: 1_000, last: 60_000 } as const;
/** A transaction of the job ends after five minutes, so a job that works progresses more often. */
const silentMs = 600_000;
const fenced = 3;

export function createRerunJobs(options: RerunJobsOptions): Part {
  const { database, logger, owner } = options;
  const every = options.lookMs ?? lookMs;
  const backoff = createBackoff({ firstMs: restartMs.first, lastMs: restartMs.last });
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const changes = createWake();
    const unsubscribe = options.notifications.subscribe("weir_engine", () => changes.wake());
    try {
      while (!signal.aborted) {
        const id = await claimRerun(database, owner).catch((error: unknown) => {
          problem = messageOf(error);
          return undefined;
        });
        if (id === undefined) await changes.wait(every, signal);
        else await supervise(id, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  async function supervise(id: string, signal: AbortSignal): Promise<void> {
    const job = await options.launch(id).catch((error: unknown) => messageOf(error));
    if (typeof job === "string") return failed(id, job, signal);
    logger.info({ pid: job.pid, rerun: id }, "a rerun of windows by Spark was started");
    const watching = new AbortController();
    void job.ended.then(() => watching.abort());
    await watch(id, job, AbortSignal.any([signal, watching.signal]));
    if (signal.aborted) {
      job.stop();
      await pause(shutdownMs, watching.signal);
      job.kill();
    }
    const { code, output } = await job.ended;
    if (code === 0 || signal.aborted) {
      problem = undefined;
      backoff.reset();
      logger.info({ pid: job.pid, rerun: id, code }, "a rerun of windows by Spark ended");
      return;
    }
    if (code === fenced) return pause(every, signal);
    await failed(id, `the job ended with ${code ?? "a signal"}: ${output.slice(-300)}`, signal);
  }

  /** Until the signal aborts. A job that does not progress is killed. */
  async function watch(id: string, job: RunningJob, signal: AbortSignal): Promise<void> {
    const stillness = new Stillness(() => performance.now());
    while (!signal.aborted) {
      await pause(every, signal);
      const rerun = await holdRerun(database, { id, supervisor: owner })
        .then(() => readSparkRerun(database, id))
        .catch(() => undefined);
      // what the database cannot tell changes nothing
      if (rerun === undefined) continue;
      const progress = `${rerun.owner} ${rerun.pass} ${rerun.doneHours}`;
      if (stillness.of("rerun", progress) > silentMs) {
        logger.warn(
          { pid: job.pid, rerun: id },
          "a rerun by Spark does not progress and is killed",
        );
        job.kill();
        return;
      }
    }
  }

  async function failed(id: string, error: string, signal: AbortSignal): Promise<void> {
    problem = error;
    logger.error({ rerun: id, reason: error }, "a rerun of windows by Spark failed");
    await noteRerunFailure(database, { id, error }).catch(() => {});
    await pause(backoff.next(), signal);
  }

  return { name: "spark reruns", run, problem: () => problem };
}

/**
 * The part `spark`: keeps the Spark job running while it is wanted. One that ends is started again after growing pauses, and
 * one that does not report is killed. Two supervisors do no harm: the run that began last fences the other (WF001).
 */
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Part } from "../../core/ports/part.ts";
import { Stillness } from "../../core/stillness.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake, type Wake } from "../../timing/wake.ts";
import { readEngine } from "./engine.ts";

export interface JobExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** The end of what it printed. */
  readonly output: string;
}

export interface RunningJob {
  readonly pid: number;
  readonly ended: Promise<JobExit>;
  /** The batch in progress ends first. */
  stop(): void;
  /** At once, with everything that it has started. */
  kill(): void;
}

/** What the job is started for. */
export interface JobTask {
  /** Whether it folds the windows. */
  readonly windows: boolean;
}

export interface SparkJobOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly logger: Logger;
  /** Unique among supervisors, and readable: host, pid. */
  readonly owner: string;
  readonly launch: (task: JobTask) => Promise<RunningJob>;
  /** Whether it has something to do while the built-in engine folds the windows. */
  readonly embeds: () => boolean;
  readonly limits: () => JobLimits;
  /** How often it looks at the database; a hand-over wakes it. */
  readonly lookMs?: number;
}

export interface JobLimits {
  /** For the first report. */
  readonly startMs: number;
  readonly heartbeatMs: number;
  readonly stopMs: number;
}

const lookMs = 2_000;
/** The supervisor of all processes gives each three seconds. */
const shutdownMs = 2_000;
const restartMs = { first: 1_000, last: 60_000 } as const;
/** After a longer run, pauses start short again. */
const healthyMs = 300_000;
const exitCodes = { wrongConfiguration: 2, fenced: 3 } as const;

export function createSparkJob(options: SparkJobOptions): Part {
  const { logger } = options;
  const backoff = createBackoff({ firstMs: restartMs.first, lastMs: restartMs.last });
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const changes = createWake();
    const unsubscribe = options.notifications.subscribe("weir_engine", () => changes.wake());
    try {
      while (!signal.aborted) {
        const now = await look(options).catch((error: unknown) => {
          problem = messageOf(error);
          return undefined;
        });
        if (now?.task !== undefined) await supervise(now.task, now.epoch, { changes, signal });
        await changes.wait(options.lookMs ?? lookMs, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** Until the job has ended, for whatever reason. */
  async function supervise(
    task: JobTask,
    epochBefore: number,
    { changes, signal }: { readonly changes: Wake; readonly signal: AbortSignal },
  ): Promise<void> {
    const started = performance.now();
    const job = await options.launch(task).catch((error: unknown) => messageOf(error));
    if (typeof job === "string") {
      problem = job;
      logger.error({ reason: job }, "the Spark job cannot be started");
      return pause(backoff.next(), signal);
    }
    logger.info({ pid: job.pid, windows: task.windows }, "the Spark job was started");
    problem = undefined;
    const reason = await Promise.race([
      job.ended.then(() => "ended" as const),
      untilUnwanted({ options, task, changes, signal, epochBefore, job }),
    ]);
    const { code, output } = await end(job, reason, signal);
    if (reason !== "ended") {
      logger.info({ pid: job.pid, reason, code }, "the Spark job was stopped");
      if (reason !== "silent") return;
    }
    if (performance.now() - started > healthyMs) backoff.reset();
    if (code === exitCodes.fenced) {
      logger.info(
        { pid: job.pid },
        "another run of the Spark job, or the built-in engine, took over",
      );
    } else if (reason === "ended") {
      problem = `the Spark job ended with ${code ?? "a signal"}: ${output.slice(-300)}`;
      logger.error({ pid: job.pid, code, output }, "the Spark job ended and will be started again");
    }
    const waitMs = code === exitCodes.wrongConfiguration ? restartMs.last : backoff.next();
    await pause(waitMs, signal);
  }

  async function end(
    job: RunningJob,
    reason: "ended" | "unwanted" | "silent" | "shutdown",
    signal: AbortSignal,
  ): Promise<JobExit> {
    if (reason === "ended") return job.ended;
    if (reason === "silent") {
      logger.warn({ pid: job.pid }, "the Spark job does not report and is killed");
      job.kill();
      return job.ended;
    }
    job.stop();
    const late = new AbortController();
    void job.ended.then(() => late.abort());
    await pause(
      reason === "shutdown" ? shutdownMs : options.limits().stopMs,
      reason === "shutdown" ? late.signal : AbortSignal.any([late.signal, signal]),
    );
    job.kill();
    return job.ended;
  }

  return { name: "spark", run, problem: () => problem };
}

interface Now {
  /** Undefined: the job has nothing to do. */
  readonly task: JobTask | undefined;
  /** Of the newest run. */
  readonly epoch: number;
  /** Undefined before the first report of that run. */
  readonly reportedAt: number | undefined;
}

/** What the job is to do now. Also tells others that there is a supervisor. */
async function look({ database, owner, embeds }: SparkJobOptions): Promise<Now> {
  await database.query({
    text: "update engine.state set supervisor = $1, supervised_at = clock_timestamp()",
    values: [owner],
  });
  const { engine, jobWanted, run } = await readEngine(database);
  const windows = engine === "spark";
  return {
    task: jobWanted && (windows || embeds()) ? { windows } : undefined,
    epoch: run?.epoch ?? 0,
    reportedAt: run?.reportedAt?.getTime(),
  };
}

/** Resolves when the job should not run any more. What the database cannot tell changes nothing. */
async function untilUnwanted({
  options,
  task,
  changes,
  signal,
  epochBefore,
  job,
}: {
  readonly options: SparkJobOptions;
  readonly task: JobTask;
  readonly changes: Wake;
  readonly signal: AbortSignal;
  readonly epochBefore: number;
  readonly job: RunningJob;
}): Promise<"unwanted" | "silent" | "shutdown"> {
  const stillness = new Stillness(() => performance.now());
  let hasEnded = false;
  void job.ended.then(() => {
    hasEnded = true;
  });
  while (!signal.aborted && !hasEnded) {
    const now = await look(options).catch(() => undefined);
    if (now !== undefined) {
      if (now.task?.windows !== task.windows) return "unwanted";
      const { startMs, heartbeatMs } = options.limits();
      const hasReported = now.epoch > epochBefore && now.reportedAt !== undefined;
      // what the clock says counts for nothing: the report changes, or it does not
      const silentMs = stillness.of("report", hasReported ? String(now.reportedAt) : "none");
      // only a run that folds the windows has an epoch to report under
      if (task.windows && silentMs > (hasReported ? heartbeatMs : startMs)) return "silent";
    }
    await changes.wait(options.lookMs ?? lookMs, signal);
  }
  return "shutdown";
}

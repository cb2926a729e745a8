/**
 * The part `etl`: folds raw events into windows, under a lease, and executes reruns concurrently.
 * Several workers may run; one is active, the others wait for its heartbeat to stop.
 */
import { messageOf } from "../../core/errors.ts";
import { type Database, DatabaseError, type Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { pause } from "../../timing/pause.ts";
import { createWake, type Wake } from "../../timing/wake.ts";
import { createLeaseTaker, keepLease, type Lease, releaseLease } from "./lease.ts";
import { executeNextRun, requeueAbandonedRuns } from "./reruns.ts";
import { runStep, type Step } from "./step.ts";

export interface EtlOptions {
  /** At least four connections, so that heartbeat, step and rerun do not wait for each other. */
  readonly database: Database;
  readonly notifications: Notifications;
  /** Unique among workers, and readable: host, pid. */
  readonly owner: string;
  /** Shortest time from one step to the next. */
  readonly intervalMs: number;
  readonly stepEvents: number;
  /** Facts of this many past days get partitions of their own. */
  readonly retentionDays: number;
  /** Called once an hour by the worker that leads. */
  readonly onMaintenance?: () => Promise<void>;
  readonly onStep?: (step: Step) => void;
  readonly onError?: (error: unknown) => void;
}

const pollMs = 500;
const standbyMs = 1_000;
const maintenanceMs = 3_600_000;
const backoffMs = { first: 100, last: 5_000 } as const;
const fencedCode = "WF001";

export function createEtl(options: EtlOptions): Part {
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const takeLease = createLeaseTaker(options.database, options.owner);
    const steps = createWake();
    const runs = createWake();
    const unsubscribe = [
      options.notifications.subscribe("weir_raw", () => steps.wake()),
      options.notifications.subscribe("weir_runs", () => runs.wake()),
    ];
    try {
      await retryUntilAborted(signal, async () => {
        const lease = await takeLease();
        problem = undefined;
        if (lease === undefined) await pause(standbyMs, signal);
        else await lead(lease, { steps, runs, signal });
      });
    } finally {
      for (const end of unsubscribe) end();
    }
  }

  /** Runs until aborted, or until the lease is lost; rejects on any other error. */
  async function lead(
    lease: Lease,
    { steps, runs, signal }: { steps: Wake; runs: Wake; signal: AbortSignal },
  ): Promise<void> {
    const lost = new AbortController();
    const leading = AbortSignal.any([signal, lost.signal]);
    const beating = new AbortController();
    const heartbeat = keepLease(options.database, lease, beating.signal).finally(() =>
      lost.abort(),
    );
    try {
      await requeueAbandonedRuns(options.database);
      const working = [
        foldUntilAborted(lease, steps, leading),
        rerunUntilAborted(lease, runs, leading),
      ];
      try {
        await Promise.all(working);
      } finally {
        lost.abort();
        await Promise.allSettled(working);
      }
    } catch (error) {
      if (!isFenced(error)) throw error;
    } finally {
      beating.abort();
      await heartbeat;
      await releaseLease(options.database, lease).catch(() => {});
    }
  }

  async function foldUntilAborted(lease: Lease, wake: Wake, signal: AbortSignal): Promise<void> {
    let maintainedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      if (performance.now() > maintainedAt + maintenanceMs) {
        await prepareDays();
        await options.onMaintenance?.();
        maintainedAt = performance.now();
      }
      const started = performance.now();
      const step = await runStep(options.database, {
        epoch: lease.epoch,
        maxEvents: options.stepEvents,
      });
      problem = undefined;
      options.onStep?.(step);
      if (step.more) continue;
      // events that arrive during the pause wait; the first event after an idle time is folded at once
      await pause(periodAfter(step, options.intervalMs) - (performance.now() - started), signal);
      await wake.wait(pollMs, signal);
    }
  }

  async function rerunUntilAborted(lease: Lease, wake: Wake, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await executeNextRun(options.database, lease.epoch, signal)) continue;
      } catch (error) {
        // the run records the error; the live ETL continues
        if (isFenced(error)) throw error;
        options.onError?.(error);
        await pause(backoffMs.last, signal);
        // on a full disk its end could not be recorded either; only this worker executes runs
        await requeueAbandonedRuns(options.database).catch(() => {});
      }
      await wake.wait(4 * pollMs, signal);
    }
  }

  async function prepareDays(): Promise<void> {
    await options.database.query({
      text: "select etl.ensure_facts_partitions((now() at time zone 'UTC')::date - $1::int, (now() at time zone 'UTC')::date + 3)",
      values: [options.retentionDays],
    });
  }

  /** Runs `work` in a loop; after a failure with growing pauses, reporting the problem. */
  async function retryUntilAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    let backoff: number = backoffMs.first;
    while (!signal.aborted) {
      const started = performance.now();
      try {
        await work();
      } catch (error) {
        if (signal.aborted) return;
        problem = messageOf(error);
        options.onError?.(error);
        // after a longer time without failures, pauses start short again
        if (performance.now() - started > 10 * backoffMs.last) backoff = backoffMs.first;
        await pause(backoff, signal);
        backoff = Math.min(backoff * 2, backoffMs.last);
      }
    }
  }

  return { name: "etl", run, problem: () => problem };
}

/** Under load: with the step itself, events are visible within about a second. */
const longestPeriodMs = 750;

/**
 * Time from the start of a step to the start of the next. A step has a fixed cost of some
 * milliseconds, so a longer pause makes fewer, cheaper steps; twice the step's time leaves the
 * database two thirds of a core.
 */
function periodAfter(step: Step, intervalMs: number): number {
  return Math.max(intervalMs, Math.min(3 * step.milliseconds, longestPeriodMs));
}

function isFenced(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === fencedCode;
}

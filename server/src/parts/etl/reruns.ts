/**
 * Replacing windows from raw events: the queue `etl.window_runs`, and its execution, one hour at a time,
 * by the procedure etl.rerun_hour.
 */
import type { Granularity } from "@weir/protocol";
import { messageOf, WeirError } from "../../core/errors.ts";
import { type Database, DatabaseError, type Queryable } from "../../core/ports/database.ts";

const hourMs = 3_600_000;
const sizeMs: Readonly<Record<Granularity, number>> = {
  minute: 60_000,
  hour: hourMs,
  day: 24 * hourMs,
};

export interface RerunRequest {
  readonly size: Granularity;
  /** The window's start in UTC. */
  readonly start: Date;
  /** The caller: a service, `cli`, ... */
  readonly requestedBy: string;
}

export interface RerunQueued {
  readonly runId: string;
  readonly size: Granularity;
  readonly start: Date;
}

/**
 * Queues a window to be replaced from its raw events. A window that is queued already is not queued
 * twice. Rejects with `invalid_request` when `start` is not the start of such a window, when the window is
 * in the future, and when retention has dropped raw events of it.
 */
export async function requestRerun(
  database: Queryable,
  { size, start, requestedBy }: RerunRequest,
): Promise<RerunQueued> {
  const unit = sizeMs[size];
  if (start.getTime() % unit !== 0) {
    const near = new Date(Math.floor(start.getTime() / unit) * unit).toISOString();
    throw invalidStart(
      `is not the start of ${aOrAn(size)} in UTC; the ${size} around it starts ${near}`,
    );
  }
  const [state] = await database.query<{ gone: boolean; oldest: string | null; future: boolean }>({
    text: `select etl.raw_events_gone($1) as gone, etl.oldest_raw_day()::text as oldest,
             $2::timestamptz > clock.latest() + interval '25 hours' as future`,
    values: [Math.floor(start.getTime() / sizeMs.day), start],
  });
  if (state?.future === true) {
    throw invalidStart("is in the future: the window has not begun");
  }
  if (state?.gone === true) {
    throw invalidStart(
      `retention has dropped raw events of this window (kept since ${state.oldest}): a rerun would lose them; the window is unchanged`,
    );
  }
  const [queued] = await database.query<{ id: string }>({
    text: `with open as (
             select id from etl.window_runs where size = $1 and start = $2 and state = 'queued' limit 1
           ), added as (
             insert into etl.window_runs (size, start, state, requested_by)
             select $1, $2, 'queued', $3 where not exists (select from open) returning id
           ), told as (
             select pg_notify('weir_runs', '') from added
           )
           select id from added cross join told union all select id from open`,
    values: [size, start, requestedBy],
  });
  if (queued === undefined) throw new Error("etl.window_runs took no row.");
  return { runId: queued.id, size, start };
}

export interface RerunState {
  readonly id: string;
  readonly state: "queued" | "running" | "done" | "failed";
  /** Raw events of the window; null until the run has ended. */
  readonly rows: string | null;
  /** Whether the run changed the window's numbers. */
  readonly changed: boolean | null;
  readonly error: string | null;
  readonly duration_ms: number | null;
}

/** Undefined when there is no such run. */
export async function readRerun(
  database: Queryable,
  runId: string,
): Promise<RerunState | undefined> {
  const [run] = await database.query<RerunState>({
    text: `select id, state, rows, changed, error,
             (extract(epoch from finished_at - started_at) * 1000)::int as duration_ms
           from etl.window_runs where id = $1`,
    values: [runId],
  });
  return run;
}

function aOrAn(size: Granularity): string {
  return size === "hour" ? "an hour" : `a ${size}`;
}

function invalidStart(detail: string): WeirError {
  return new WeirError("invalid_request", {
    detail: `/start: ${detail}`,
    errors: [{ pointer: "/start", detail }],
  });
}

/** Puts runs that a previous worker left unfinished back into the queue. */
export async function requeueAbandonedRuns(database: Queryable): Promise<void> {
  await database.query({
    text: "update etl.window_runs set state = 'queued' where state = 'running'",
  });
}

interface Run {
  readonly id: string;
  readonly size: Granularity;
  readonly first_hour: number;
  readonly attempts: number;
}

const maxAttempts = 5;
const diskFull = "53100";

/**
 * Executes the oldest queued run; false when there was none. A failed hour is retried later, at
 * most five attempts in all; attempts on a full disk do not count. `signal` is checked between hours: a day's run resumes after a restart.
 */
export async function executeNextRun(
  database: Database,
  epoch: number,
  signal: AbortSignal,
): Promise<boolean> {
  const [run] = await database.query<Run>({
    text: `update etl.window_runs
           set state = 'running', started_at = clock_timestamp(), finished_at = null, attempts = attempts + 1, error = null
           where id = (select id from etl.window_runs where state = 'queued' order by id limit 1 for update skip locked)
           returning id, size, floor(extract(epoch from start) / 3600)::int as first_hour, attempts`,
  });
  if (run === undefined) return false;
  const hours = run.size === "day" ? 24 : 1;
  let rows = 0;
  let changed = false;
  try {
    // A new event may join a session of an hour still wrong to one of an hour already corrected: after a
    // change the day is checked once more.
    for (let pass = 1; pass <= (changed && hours > 1 ? 2 : 1); pass++) {
      rows = 0;
      for (let hour = run.first_hour; hour < run.first_hour + hours; hour++) {
        if (signal.aborted) return await endRun(database, run, { state: "queued" });
        const [done] = await database.query<{ rows: string; changed: boolean }>(
          { text: "call etl.rerun_hour($1, $2, null, null)", values: [epoch, hour] },
          { timeoutMs: 1_800_000 },
        );
        rows += Number(done?.rows ?? 0);
        changed ||= done?.changed === true;
      }
    }
  } catch (error) {
    const isDiskFull = error instanceof DatabaseError && error.code === diskFull;
    const state = isDiskFull || run.attempts < maxAttempts ? "queued" : "failed";
    const countedAttempts = isDiskFull ? run.attempts - 1 : run.attempts;
    await endRun(database, run, { state, error: messageOf(error), countedAttempts });
    throw error;
  }
  return endRun(database, run, { state: "done", rows, changed });
}

async function endRun(
  database: Database,
  run: Run,
  end: {
    readonly state: "done" | "failed" | "queued";
    readonly rows?: number;
    readonly changed?: boolean;
    readonly error?: string;
    readonly countedAttempts?: number;
  },
): Promise<true> {
  await database.query({
    text: `update etl.window_runs
           set state = $2, finished_at = case when $2 = 'queued' then null else clock_timestamp() end,
             rows = $3, changed = $4, error = $5, attempts = coalesce($6, attempts)
           where id = $1 and state = 'running'`,
    values: [
      run.id,
      end.state,
      end.rows ?? null,
      end.changed ?? null,
      end.error ?? null,
      end.countedAttempts ?? null,
    ],
  });
  return true;
}

import type { Granularity, Window, WindowPage } from "@weir/protocol";
import type { Queryable } from "../../../core/ports/database.ts";
import { readCursor, writeCursor } from "../cursor.ts";
import { readFreshness } from "../freshness.ts";
import type { QueryRunner } from "../query-runner.ts";
import { minutesOf, windowSizes } from "../spans.ts";

export const windowStates = ["open", "closed", "rebuilding", "failed"] as const;
export const runStates = ["queued", "running", "done", "failed"] as const;
type RunState = (typeof runStates)[number];

export interface WindowsQuestion {
  readonly size: Granularity;
  readonly state: Window["state"] | undefined;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly cursor: unknown;
  readonly limit: number;
}

interface WindowRow {
  readonly bucket: number;
  readonly state: Window["state"];
  readonly events: string;
  readonly users: number;
  readonly sessions: number;
  readonly updated_at: Date;
  readonly run_state: RunState | null;
  readonly run_at: Date | null;
  readonly run_ms: number | null;
  readonly attempts: number | null;
  readonly changed: boolean | null;
  readonly error: string | null;
}

const bucketPattern = [/^-?\d{1,10}$/];

/**
 * Windows that contain events, newest first. `open`: its end has not been read yet; `rebuilding`: a
 * rerun is queued or running; `failed`: its last rerun failed; else `closed` (late events still
 * correct it).
 */
export async function readWindows(
  runner: QueryRunner,
  question: WindowsQuestion,
  signal: AbortSignal,
): Promise<WindowPage> {
  const { size, limit } = question;
  const after = readCursor(`windows.${size}`, question.cursor, bucketPattern);
  const unit = minutesOf[size] * 60_000;
  return runner.read({ weight: "light", signal }, async (connection) => {
    const freshness = await readFreshness(connection);
    const rows = await connection.query<WindowRow>({
      text: `
        select * from (
          select w.bucket, w.events, w.users, w.sessions, w.updated_at,
            case when r.state in ('queued', 'running') then 'rebuilding'
              when r.state = 'failed' then 'failed'
              when w.bucket >= $1::int then 'open' else 'closed' end as state,
            r.state as run_state, coalesce(r.finished_at, r.started_at, r.requested_at) as run_at,
            greatest(0, least(extract(epoch from r.finished_at - r.started_at) * 1000, 2147483647))::int as run_ms,
            r.attempts, r.changed, r.error
          from analytics.window_totals w
          left join lateral (
            select * from etl.window_runs r
            where r.size = $2
              and r.start = timestamptz 'epoch' + w.bucket * $3::bigint * interval '1 millisecond'
            order by r.id desc limit 1
          ) r on true
          where w.size = $4::smallint and w.bucket >= $5::int and w.bucket < $6::int
          order by w.bucket desc
        ) as windows
        where $7::text is null or state = $7
        order by bucket desc limit $8`,
      values: [
        Math.floor(Date.parse(freshness.as_of) / unit),
        size,
        unit,
        windowSizes[size],
        question.fromMs === undefined ? -(2 ** 31) : Math.ceil(question.fromMs / unit),
        Math.min(
          question.toMs === undefined ? 2 ** 31 - 1 : Math.ceil(question.toMs / unit),
          after === undefined ? 2 ** 31 - 1 : Number(after[0]),
        ),
        question.state ?? null,
        limit + 1,
      ],
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      windows: shown.map((row) => windowOf(row, size, unit)),
      next_cursor:
        rows.length > limit && last !== undefined
          ? writeCursor(`windows.${size}`, [last.bucket])
          : null,
      freshness,
      worker: await readWorker(connection),
    };
  });
}

function windowOf(row: WindowRow, size: Granularity, unit: number): Window {
  return {
    size,
    start: new Date(row.bucket * unit).toISOString(),
    end: new Date((row.bucket + 1) * unit).toISOString(),
    state: row.state,
    events: Number(row.events),
    users: row.users,
    sessions: row.sessions,
    updated_at: row.updated_at.toISOString(),
    last_run:
      row.run_state === null || row.run_at === null
        ? null
        : {
            at: row.run_at.toISOString(),
            duration_ms: row.run_ms,
            attempts: row.attempts ?? 0,
            state: row.run_state,
            changed: row.changed,
            error: row.error,
          },
  };
}

/** The worker of the ETL; alive while its heartbeat is younger than the time until a takeover. */
async function readWorker(connection: Queryable): Promise<WindowPage["worker"]> {
  const [row] = await connection.query<{
    owner: string;
    epoch: string;
    heartbeat_at: Date;
    alive: boolean;
  }>({
    text: `
      select owner, epoch, heartbeat_at,
        abs(extract(epoch from clock_timestamp() - heartbeat_at)) < 3 as alive
      from etl.leases where reader = 'windows'`,
  });
  if (row === undefined) return null;
  return { ...row, epoch: Number(row.epoch), heartbeat_at: row.heartbeat_at.toISOString() };
}

import { type Granularity, instantExpects, instantPattern, type RunPage } from "@weir/protocol";
import { WeirError } from "../../../core/errors.ts";
import { readCursor, writeCursor } from "../cursor.ts";
import type { QueryRunner } from "../query-runner.ts";
import type { runStates } from "./windows.ts";

/** Queues the recomputation of a window from its raw events; the ETL provides it. */
export type RequestRerun = (rerun: {
  readonly size: Granularity;
  readonly start: Date;
  readonly requestedBy: string;
}) => Promise<{ readonly runId: string }>;

const instant = new RegExp(instantPattern, "u");

/** The instant in `start` of a rerun. @throws WeirError invalid_request */
export function readStart(text: string): Date {
  if (instant.test(text)) return new Date(text.toUpperCase());
  const detail = `must be ${instantExpects}`;
  throw new WeirError("invalid_request", {
    detail: `/start: ${detail}`,
    errors: [{ pointer: "/start", detail }],
  });
}

export interface RunsQuestion {
  readonly size: Granularity | undefined;
  readonly state: (typeof runStates)[number] | undefined;
  readonly cursor: unknown;
  readonly limit: number;
}

interface RunRow {
  readonly id: string;
  readonly size: Granularity;
  readonly start: Date;
  readonly state: (typeof runStates)[number];
  readonly requested_by: string;
  readonly requested_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly duration_ms: number | null;
  readonly attempts: number;
  readonly rows: string | null;
  readonly changed: boolean | null;
  readonly error: string | null;
}

/** Reruns, newest first. */
export async function readRuns(
  runner: QueryRunner,
  { size, state, cursor, limit }: RunsQuestion,
  signal: AbortSignal,
): Promise<RunPage> {
  const after = readCursor("runs", cursor, [/^\d{1,18}$/]);
  return runner.read({ weight: "light", signal }, async (connection) => {
    const rows = await connection.query<RunRow>({
      text: `
        select id, size, start, state, requested_by, requested_at, started_at, finished_at,
          (extract(epoch from finished_at - started_at) * 1000)::int as duration_ms,
          attempts, rows, changed, error
        from etl.window_runs
        where ($1::text is null or size = $1) and ($2::text is null or state = $2)
          and ($3::bigint is null or id < $3)
        order by id desc limit $4`,
      values: [size ?? null, state ?? null, after?.[0] ?? null, limit + 1],
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      runs: shown.map(({ id, ...row }) => ({
        run_id: id,
        ...row,
        start: row.start.toISOString(),
        requested_at: row.requested_at.toISOString(),
        started_at: row.started_at?.toISOString() ?? null,
        finished_at: row.finished_at?.toISOString() ?? null,
        rows: row.rows === null ? null : Number(row.rows),
      })),
      next_cursor:
        rows.length > limit && last !== undefined ? writeCursor("runs", [last.id]) : null,
    };
  });
}

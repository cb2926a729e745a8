import type { Sessions } from "@weir/protocol";
import { readCursor, writeCursor } from "../cursor.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, type QueryRange, rangeAnswer } from "../range.ts";

export interface SessionsQuestion {
  readonly range: QueryRange;
  readonly userId: string | undefined;
  readonly cursor: unknown;
  readonly limit: number;
}

interface SessionRow {
  readonly user_id: string;
  readonly started_us: string;
  readonly id: number;
  readonly start: Date;
  readonly end: Date;
  readonly duration_s: number;
  readonly events: number;
  readonly purchases: number;
}
interface SummaryRow {
  readonly sessions: string;
  readonly seconds: number | null;
  readonly events: string | null;
}

const microseconds = /^-?\d{1,17}$/;
const id = /^\d{1,10}$/;

/** Sessions that start in the range, newest first, and their averages over the whole range. */
export async function readSessions(
  runner: QueryRunner,
  question: SessionsQuestion,
  signal: AbortSignal,
): Promise<Sessions> {
  const { range, userId, limit } = question;
  const after = readCursor("sessions", question.cursor, [microseconds, id]);
  const [from, to] = [instantOf(range.from), instantOf(range.to)];
  const answer = await runner.run({ weight: "light", signal }, async (connection) => {
    const rows = await connection.query<SessionRow>({
      text: `
        select u.key as user_id, s.user_id as id, s.started_at as start, s.ended_at as end,
          (extract(epoch from s.started_at) * 1000000)::bigint as started_us,
          extract(epoch from s.ended_at - s.started_at)::float8 as duration_s,
          s.events, s.purchases
        from analytics.sessions s join analytics.users u on u.id = s.user_id
        where s.started_at >= $1 and s.started_at < $2
          and ($3::text is null or s.user_id = (select id from analytics.users where key = $3))
          and ($4::bigint is null
            or s.started_at < timestamptz 'epoch' + $4 * interval '1 microsecond'
            or (s.started_at = timestamptz 'epoch' + $4 * interval '1 microsecond'
              and s.user_id < $5::int))
        order by s.started_at desc, s.user_id desc limit $6`,
      values: [from, to, userId ?? null, after?.[0] ?? null, after?.[1] ?? null, limit + 1],
    });
    const [summary] = await connection.query<SummaryRow>({
      text: `
        select count(*) as sessions, sum(events) as events,
          (extract(epoch from avg(ended_at - started_at)))::float8 as seconds
        from analytics.sessions
        where started_at >= $1 and started_at < $2
          and ($3::text is null or user_id = (select id from analytics.users where key = $3))`,
      values: [from, to, userId ?? null],
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      rows: shown.map((row) => ({
        user_id: row.user_id,
        start: row.start.toISOString(),
        end: row.end.toISOString(),
        duration_s: row.duration_s,
        events: row.events,
        purchases: row.purchases,
      })),
      next_cursor:
        rows.length > limit && last !== undefined
          ? writeCursor("sessions", [last.started_us, last.id])
          : null,
      summary: summaryOf(summary),
    };
  });
  return { range: rangeAnswer(range), ...answer };
}

function summaryOf(row: SummaryRow | undefined): Sessions["summary"] {
  const sessions = Number(row?.sessions ?? 0);
  return {
    sessions,
    average_duration_s: row?.seconds ?? null,
    average_events: sessions === 0 ? null : Number(row?.events ?? 0) / sessions,
  };
}

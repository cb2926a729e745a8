import type { RawEvent } from "@weir/protocol";
import { WeirError } from "../../../core/errors.ts";
import { isCanonicalUuid, uuidOfText } from "../../../core/uuid.ts";
import { type QueryRunner, ranOutOfTime, type Scan } from "../query-runner.ts";
import { type EventRow, eventColumns, foundEvent } from "./scan-events.ts";

const dayMs = 86_400_000;
const nearMs = 600_000;

export interface EventQuestion {
  readonly id: string;
  /** Needed when several services use the same id; without it the newest event is read. */
  readonly source: string | undefined;
  /** When it occurred, in ms; makes the lookup fast. */
  readonly atMs: number | undefined;
}

/** One raw event. @throws WeirError not_found, query_timeout */
export async function readEvent(
  runner: QueryRunner,
  question: EventQuestion,
  signal: AbortSignal,
): Promise<RawEvent> {
  return foundEvent(await findEvent(runner, question, signal)).event;
}

/** The bytes that were sent. @throws WeirError not_found, query_timeout */
export async function readEventBytes(
  runner: QueryRunner,
  question: EventQuestion,
  signal: AbortSignal,
): Promise<Buffer> {
  return Buffer.from((await findEvent(runner, question, signal)).payload, "utf8");
}

/**
 * The log has no index on ids (40 bytes per event for a rare question). Identities tell whether the
 * event exists. Then it is searched at the time in its own id, if there is one, and day by day back.
 */
async function findEvent(
  runner: QueryRunner,
  question: EventQuestion,
  signal: AbortSignal,
): Promise<EventRow> {
  return runner.scan({ weight: "light", signal }, async (scan) => {
    const { id, source } = question;
    const eventId = isCanonicalUuid(id) ? id : uuidOfText(id);
    const services = await servicesOf(scan, eventId, source);
    if (services.length === 0) throw notFound(id);
    const hint = question.atMs ?? clockOf(eventId);
    if (hint !== undefined) {
      const [from, to] =
        question.atMs === undefined ? [hint - nearMs, hint + nearMs] : [hint, hint + 1];
      const row = await firstRow(scan, { eventId, services, from, to, column: "occurred_at" });
      if (row !== undefined) return row;
    }
    for (const from of await daysOfLog(scan)) {
      const day = { eventId, services, from, to: from + dayMs, column: "received_at" } as const;
      const row = await firstRow(scan, day);
      if (row !== undefined) return row;
    }
    throw notFound(id);
  });
}

/** Starts of the days that the log has, newest first: PostgreSQL's clock, which named them, may be another day's. */
async function daysOfLog(scan: Scan): Promise<number[]> {
  const rows = await scan.query<{ starts: Date }>({
    text: `
      select to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC' as starts
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\\d{8}$' order by 1 desc`,
  });
  return rows.map(({ starts }) => starts.getTime());
}

async function servicesOf(
  scan: Scan,
  eventId: string,
  source: string | undefined,
): Promise<number[]> {
  const rows = await scan.query<{ service_id: number }>({
    text: `
      select service_id from (
        select service_id from raw.identities where event_id = $1
        union select service_id from raw.identities_before where event_id = $1
      ) i
      where $2::text is null or service_id = (select id from auth.services where name = $2)`,
    values: [eventId, source ?? null],
  });
  return rows.map((row) => row.service_id);
}

async function firstRow(
  scan: Scan,
  where: {
    eventId: string;
    services: readonly number[];
    column: "occurred_at" | "received_at";
    from: number;
    to: number;
  },
): Promise<EventRow | undefined> {
  try {
    if (scan.remainingMs() <= 0) throw tooSlow();
    const [row] = await scan.query<EventRow>({
      text: `
        select ${eventColumns} from raw.events
        where ${where.column} >= $1 and ${where.column} < $2
          and event_id = $3 and service_id = any ($4::int[])
        order by occurred_at desc limit 1`,
      values: [
        new Date(where.from).toISOString(),
        new Date(where.to).toISOString(),
        where.eventId,
        where.services,
      ],
    });
    return row;
  } catch (error) {
    throw ranOutOfTime(error) ? tooSlow() : error;
  }
}

/** The clock in a version 7 UUID, in milliseconds. */
function clockOf(eventId: string): number | undefined {
  if (eventId[14] !== "7") return undefined;
  const ms = Number.parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16);
  // a sender's own ids may name any time, also years that PostgreSQL does not read
  return ms > nearMs && ms < Date.UTC(2200, 0, 1) ? ms : undefined;
}

function notFound(id: string): WeirError {
  return new WeirError("not_found", { detail: `there is no event "${id.slice(0, 128)}"` });
}

function tooSlow(): WeirError {
  return new WeirError("query_timeout", {
    detail: 'the event exists but was not found in time; add its occurred_at as "at"',
  });
}

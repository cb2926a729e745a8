import type { EventPage } from "@weir/protocol";
import { readCursor, writeCursor } from "../cursor.ts";
import type { QueryRunner, Scan } from "../query-runner.ts";
import { type EventFilter, type EventKey, type Interval, scanEvents } from "./scan-events.ts";

export interface EventsQuestion {
  readonly zone: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly filter: EventFilter;
  readonly cursor: unknown;
  readonly limit: number;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const keyPattern = [/^-?\d{1,16}$/, uuid, /^\d{1,10}$/];

/** Raw events, newest first by (occurred_at, event_id): a page of results, or as much of it as time allowed. */
export async function readEvents(
  runner: QueryRunner,
  question: EventsQuestion,
  signal: AbortSignal,
): Promise<EventPage> {
  const after = readKey(question.cursor);
  return runner.scan({ weight: "light", signal }, (scan) =>
    pageOf(scan, question, { after, intervals: [intervalOf(question)] }),
  );
}

/**
 * The events of one user. The user's sessions tell when there are any, so only those hours of the raw
 * log are read. Events that are not yet counted in the windows do not appear yet.
 */
export async function readUserEvents(
  runner: QueryRunner,
  question: EventsQuestion & { readonly userId: string },
  signal: AbortSignal,
): Promise<EventPage> {
  const { userId } = question;
  const after = readKey(question.cursor);
  const bounds = intervalOf(question);
  return runner.scan({ weight: "light", signal }, async (scan) => {
    const intervals = await sessionIntervals(scan, userId, {
      from: bounds.from,
      to: Math.min(bounds.to, (after?.occurredUs ?? bounds.to) + 1),
    });
    return pageOf(scan, { ...question, filter: { userKey: userId } }, { after, intervals });
  });
}

async function pageOf(
  scan: Scan,
  question: EventsQuestion,
  { after, intervals }: { after: EventKey | undefined; intervals: Iterable<Interval> },
): Promise<EventPage> {
  const { filter, limit, zone } = question;
  const result = await scanEvents(scan, { intervals, filter, after, limit });
  const { next } = result;
  return {
    range: {
      from: new Date(question.fromMs).toISOString(),
      to: new Date(question.toMs).toISOString(),
      time_zone: zone,
    },
    events: result.found.map(({ event }) => event),
    next_cursor:
      next === undefined
        ? null
        : writeCursor("events", [next.occurredUs, next.eventId, next.serviceId]),
    complete: result.complete,
  };
}

/** The user's sessions inside the bounds, newest first. 400 days have room for at most 19,200 sessions. */
async function sessionIntervals(scan: Scan, userId: string, bounds: Interval): Promise<Interval[]> {
  const rows = await scan.query<{ first_us: string; last_us: string }>({
    text: `
      select (extract(epoch from started_at) * 1000000)::bigint as first_us,
        (extract(epoch from ended_at) * 1000000)::bigint as last_us
      from analytics.sessions
      where user_id = (select id from analytics.users where key = $1)
        and started_at < timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
        and ended_at >= timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
      order by started_at desc limit 20000`,
    values: [userId, bounds.from, bounds.to],
  });
  return rows.map((row) => ({
    from: Math.max(bounds.from, Number(row.first_us)),
    to: Math.min(bounds.to, Number(row.last_us) + 1),
  }));
}

function intervalOf({ fromMs, toMs }: EventsQuestion): Interval {
  return { from: fromMs * 1_000, to: toMs * 1_000 };
}

function readKey(cursor: unknown): EventKey | undefined {
  const key = readCursor("events", cursor, keyPattern);
  if (key === undefined) return undefined;
  const [occurredUs = "", eventId = "", serviceId = ""] = key;
  return { occurredUs: Number(occurredUs), eventId, serviceId: Number(serviceId) };
}

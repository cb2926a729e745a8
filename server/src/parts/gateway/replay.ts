import type { Database } from "../../core/ports/database.ts";
import { type Cursor, encodeInStep } from "./cursor.ts";
import { eventFrame } from "./event-frame.ts";
import type { Member } from "./member.ts";
import type { GatewayLimits } from "./ports.ts";
import { type Page, readPage } from "./read-log.ts";
import { follows, formatSnapshot } from "./snapshot.ts";

interface ReplayOptions {
  readonly database: Database;
  readonly limits: GatewayLimits;
  readonly encodeFrame: (text: string) => Buffer;
  readonly signal: AbortSignal;
  /** Runs a read when few enough others run. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

const pageEvents = 500;
const readTimeoutMs = 10_000;

/** Why nothing can be replayed from `cursor` up to `end`; undefined when it can. */
export async function findGap(
  cursor: Cursor,
  end: Cursor,
  options: ReplayOptions,
): Promise<string | undefined> {
  const { limits } = options;
  const newest = cursor.step?.to ?? cursor.from;
  if (!follows(end.from, newest) || cursor.at > end.at + 60_000) {
    return "the cursor is of another database, or of this one before it was restored";
  }
  if (end.at - cursor.at > limits.replayMs) {
    return `the cursor is older than ${Math.round(limits.replayMs / 60_000)} minutes`;
  }
  const missed = await options.inTurn(() => countMissed(cursor, end, options));
  if (missed > limits.replayEvents) return `more than ${limits.replayEvents} events were missed`;
  return undefined;
}

/**
 * Sends everything between the member's cursor and `end`: first what was left of the step in which
 * it stopped, then one step up to `end`. Returns how many events were sent.
 */
export async function replay(
  member: Member,
  { from, end }: { readonly from: Cursor; readonly end: Cursor },
  options: ReplayOptions,
): Promise<number> {
  let sent = 0;
  let place: Cursor = from;
  for (;;) {
    const inOldStep = place.step !== undefined && place.step.to !== end.from;
    const page = await options.inTurn(() =>
      readPage(options.database, place, {
        limit: pageEvents,
        timeoutMs: readTimeoutMs,
        signal: options.signal,
        ...(place.step === undefined ? { to: end.from } : {}),
      }),
    );
    if (!(await sendPage(member, { place, page }, options))) return sent;
    sent += page.events.length;
    const last = page.events.at(-1);
    if (page.more && last !== undefined) {
      place = { at: place.at, from: place.from, step: { to: page.to, last } };
    } else if (inOldStep) {
      place = { at: place.at, from: page.to };
    } else {
      return sent;
    }
  }
}

async function sendPage(
  member: Member,
  { place, page }: { readonly place: Cursor; readonly page: Page },
  { encodeFrame }: ReplayOptions,
): Promise<boolean> {
  const cursorOf = encodeInStep({ at: place.at, from: place.from, step: { to: page.to } });
  for (const event of page.events) {
    if (!member.filter.matches(event)) continue;
    if (!(await member.replay(encodeFrame(eventFrame(cursorOf(event), event))))) return false;
  }
  return member.isOpen;
}

async function countMissed(
  cursor: Cursor,
  end: Cursor,
  { database, limits, signal }: ReplayOptions,
): Promise<number> {
  const { step } = cursor;
  const [row] = await database.query<{ missed: string }>(
    {
      name: "gateway_count_missed",
      text: `
        select count(*) as missed from (
          select from (
            select xid, event_id, service_id from raw.events
            where xid >= $1::xid8 and received_at >= $3
            union all
            select xid, event_id, service_id from raw.events
            where xid = any($2::xid8[]) and received_at >= $3
          ) n
          where pg_visible_in_snapshot(n.xid, $4::pg_snapshot)
            and ($5::pg_snapshot is null or not pg_visible_in_snapshot(n.xid, $5::pg_snapshot)
              or (n.xid, n.event_id, n.service_id) > ($6::xid8, $7::uuid, $8::int))
          limit $9
        ) missed`,
      values: [
        cursor.from.xmax.toString(),
        cursor.from.xip.map(String),
        new Date(cursor.at - 24 * 60 * 60 * 1000),
        formatSnapshot(end.from),
        step === undefined ? null : formatSnapshot(step.to),
        step?.last.xid.toString() ?? null,
        step?.last.eventId ?? null,
        step?.last.serviceId ?? null,
        limits.replayEvents + 1,
      ],
    },
    { timeoutMs: readTimeoutMs, signal },
  );
  return Number(row?.missed ?? 0);
}

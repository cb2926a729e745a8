import type { LiveEvents, LiveLog } from "../../core/ports/live-log.ts";
import { follows } from "../../core/position.ts";
import { type Cursor, encodeInRound, rangeAfter } from "./cursor.ts";
import { eventFrame } from "./event-frame.ts";
import type { Member } from "./member.ts";
import type { GatewayLimits } from "./ports.ts";

interface ReplayOptions {
  readonly log: LiveLog;
  readonly limits: GatewayLimits;
  readonly encodeFrame: (text: string) => Buffer;
  readonly signal: AbortSignal;
  /** Runs a read when few enough others run. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

const readEvents = 500;
const readTimeoutMs = 10_000;

/** Where a replay up to `end` begins, or why nothing can be replayed. */
export type ReplayStart = { readonly from: Cursor } | { readonly gap: string };

export async function startOfReplay(
  sent: Cursor,
  end: Cursor,
  options: ReplayOptions,
): Promise<ReplayStart> {
  const { limits } = options;
  if (end.at - sent.at > limits.replayMs) {
    return { gap: `the cursor is older than ${Math.round(limits.replayMs / 60_000)} minutes` };
  }
  const cursor = await inIncarnation(sent, end, options);
  if (cursor === undefined) {
    return {
      gap: "PostgreSQL crashed or was replaced after the cursor was sent; events may be missing",
    };
  }
  const newest = cursor.round?.to ?? cursor.from;
  if (!follows(end.from, newest)) {
    return { gap: "the cursor is of another database, or of this one before it was restored" };
  }
  const missed = await options.inTurn(() => countMissed(cursor, end, options));
  if (missed > limits.replayEvents) {
    return { gap: `more than ${limits.replayEvents} events were missed` };
  }
  return { from: cursor };
}

/**
 * A cursor of another incarnation continues from its `from`, if that was settled and has survived; then events of
 * the round that it was in come again. Undefined when it cannot be continued.
 */
async function inIncarnation(
  { round, ...cursor }: Cursor,
  { incarnation, settled }: Cursor,
  { log, signal }: ReplayOptions,
): Promise<Cursor | undefined> {
  if (cursor.incarnation === incarnation) {
    // it is older than the end of the replay: on disk if that is
    return { ...cursor, settled: cursor.settled ?? settled, ...(round && { round }) };
  }
  if (cursor.settled === undefined) return undefined;
  const options = { timeoutMs: readTimeoutMs, signal };
  const isValid = await log.survived(cursor.incarnation, cursor.settled, options);
  return isValid ? { ...cursor, incarnation } : undefined;
}

/**
 * Sends everything between the member's cursor and `end`: first what was left of the round in which
 * it stopped, then one round up to `end`. Returns how many events were sent.
 */
export async function replay(
  member: Member,
  { from, end }: { readonly from: Cursor; readonly end: Cursor },
  options: ReplayOptions,
): Promise<number> {
  let sent = 0;
  let place: Cursor = from;
  for (;;) {
    const inOldRound = place.round !== undefined && place.round.to !== end.from;
    const read = await options.inTurn(() =>
      options.log.read(rangeAfter(place, end.from), {
        limit: readEvents,
        timeoutMs: readTimeoutMs,
        signal: options.signal,
      }),
    );
    // the member is closed; it reconnects with its last cursor
    if (read.incarnation !== end.incarnation) throw new Error("PostgreSQL crashed during a replay");
    if (!(await sendEvents(member, { place, read }, options))) return sent;
    sent += read.events.length;
    const last = read.events.at(-1);
    if (read.more && last !== undefined) {
      place = { ...place, round: { to: read.to, last } };
    } else if (inOldRound) {
      const { incarnation, settled } = end;
      place = { incarnation, settled, at: place.at, from: read.to };
    } else {
      return sent;
    }
  }
}

async function sendEvents(
  member: Member,
  { place, read }: { readonly place: Cursor; readonly read: LiveEvents },
  { encodeFrame }: ReplayOptions,
): Promise<boolean> {
  const cursorOf = encodeInRound({ ...place, round: { to: read.to } });
  for (const event of read.events) {
    if (!member.filter.matches(event)) continue;
    if (!(await member.replay(encodeFrame(eventFrame(cursorOf(event), event))))) return false;
  }
  return member.isOpen;
}

function countMissed(
  cursor: Cursor,
  end: Cursor,
  { log, limits, signal }: ReplayOptions,
): Promise<number> {
  const { from, at, round } = cursor;
  return log.count(
    { from, at, to: end.from, done: round && { to: round.to, after: round.last } },
    { atMost: limits.replayEvents + 1, timeoutMs: readTimeoutMs, signal },
  );
}

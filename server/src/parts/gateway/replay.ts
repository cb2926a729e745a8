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

/** Why nothing can be replayed from `cursor` up to `end`; undefined when it can. */
export async function findGap(
  cursor: Cursor,
  end: Cursor,
  options: ReplayOptions,
): Promise<string | undefined> {
  const { limits } = options;
  const newest = cursor.round?.to ?? cursor.from;
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
    if (!(await sendEvents(member, { place, read }, options))) return sent;
    sent += read.events.length;
    const last = read.events.at(-1);
    if (read.more && last !== undefined) {
      place = { at: place.at, from: place.from, round: { to: read.to, last } };
    } else if (inOldRound) {
      place = { at: place.at, from: read.to };
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
  const cursorOf = encodeInRound({ at: place.at, from: place.from, round: { to: read.to } });
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

/**
 * The buckets of a question in a time zone, in whole minutes since 1970-01-01T00:00Z. A zone is turned
 * into stretches of constant offset once per question. The rest is integer arithmetic, because a
 * format call of Intl costs microseconds and a year has 8,760 hours.
 */
import { type Granularity, zoneOffset } from "@weir/protocol";

export interface Stretch {
  /** Minutes since the epoch, `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** Local time minus UTC, in minutes. */
  readonly offset: number;
}

const minutesOfDay = 1_440;

/** The stretches of constant offset that cover `[from, to)`, in order. */
export function stretches(zone: string, from: number, to: number): Stretch[] {
  const found: Stretch[] = [];
  let start = from;
  let offset = offsetAt(zone, from);
  let probe = from;
  while (probe < to) {
    // No zone goes there and back within a day, so equal offsets a day apart mean no change between.
    const next = Math.min(probe + minutesOfDay, to);
    const nextOffset = offsetAt(zone, next);
    if (nextOffset !== offset) {
      const change = changeBetween(zone, probe, next);
      found.push({ from: start, to: change, offset });
      start = change;
      offset = nextOffset;
    }
    probe = next;
  }
  if (start < to) found.push({ from: start, to, offset });
  return found;
}

/** First minute of the local day `date` (days since 1970-01-01 of the local calendar). */
export function startOfDay(zone: string, date: number): number {
  const local = date * minutesOfDay;
  // A day on either side covers every offset there is (-12:00 to +14:00).
  for (const stretch of stretches(zone, local - minutesOfDay, local + minutesOfDay)) {
    const start = Math.max(stretch.from, local - stretch.offset);
    if (start < stretch.to) return start;
  }
  return local;
}

/** The local calendar day of a minute, as days since 1970-01-01. */
export function dayOf(zone: string, minute: number): number {
  return Math.floor((minute + offsetAt(zone, minute)) / minutesOfDay);
}

/**
 * Starts of the buckets that `[from, to)` touches, in order. The first is `from` itself, also inside
 * a bucket, so that bucket `i` is `[starts[i], starts[i + 1] ?? to)`. A local day may have 23 or 25
 * hours. @returns undefined when there are more than `most`.
 */
export function bucketStarts(
  options: { zone: string; granularity: Granularity; from: number; to: number },
  most: number,
): number[] | undefined {
  const { zone, granularity, from, to } = options;
  const step = granularity === "minute" ? 1 : granularity === "hour" ? 60 : minutesOfDay;
  if ((to - from) / step > most + 2) return undefined;
  const starts = granularity === "day" ? dayStarts(zone, from, to) : evenStarts(options, step);
  return starts.length > most ? undefined : starts;
}

function dayStarts(zone: string, from: number, to: number): number[] {
  const starts = [from];
  let today = Number.NEGATIVE_INFINITY;
  for (const stretch of stretches(zone, from, to)) {
    const date = Math.floor((stretch.from + stretch.offset) / minutesOfDay);
    // A clock put forward over midnight: the day begins at the change.
    if (date > today && stretch.from > from) starts.push(stretch.from);
    today = Math.max(today, date);
    for (;;) {
      const start = (today + 1) * minutesOfDay - stretch.offset;
      if (start >= stretch.to) break;
      today++;
      starts.push(start);
    }
  }
  return starts;
}

function evenStarts(options: { zone: string; from: number; to: number }, step: number): number[] {
  const starts = [options.from];
  for (const stretch of stretches(options.zone, options.from, options.to)) {
    const first = Math.ceil((stretch.from + stretch.offset) / step) * step - stretch.offset;
    for (let start = first; start < stretch.to; start += step) {
      if (start > options.from) starts.push(start);
    }
  }
  return starts;
}

/** Local time minus UTC, in minutes. */
function offsetAt(zone: string, minute: number): number {
  return zoneOffset(zone, minute * 60_000);
}

function changeBetween(zone: string, from: number, to: number): number {
  const offset = offsetAt(zone, from);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}

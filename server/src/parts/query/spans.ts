/**
 * Any whole-minute range is a few runs of windows: minutes up to the hour, hours up to the day, days,
 * and back down. Sums over those runs equal sums over the events, whatever the time zone.
 */
export const windowSizes = { minute: 1, hour: 2, day: 3 } as const;
export const minutesOf = { minute: 1, hour: 60, day: 1_440 } as const;

/** Runs of windows as parallel columns for `unnest`; `points` says which point of the answer gets the run. */
export interface Spans {
  readonly points: number[];
  readonly sizes: number[];
  /** Buckets `[low, high)` since 1970-01-01T00:00Z. */
  readonly lows: number[];
  readonly highs: number[];
}

/** Minutes of hours in which a user may have been active: bit m of `mask` is minute m of the hour. */
export interface HourSpans {
  readonly points: number[];
  /** Hours `[low, high)` since 1970-01-01T00:00Z. */
  readonly lows: number[];
  readonly highs: number[];
  readonly masks: string[];
}

export interface MinuteRange {
  readonly from: number;
  readonly to: number;
}

/** The fewest runs of windows that make up each range. */
export function windowSpans(ranges: readonly MinuteRange[]): Spans {
  const spans: Spans = { points: [], sizes: [], lows: [], highs: [] };
  for (const [point, { from, to }] of ranges.entries()) {
    const add = (size: keyof typeof windowSizes, low: number, high: number) => {
      if (low >= high) return;
      spans.points.push(point);
      spans.sizes.push(windowSizes[size]);
      spans.lows.push(low / minutesOf[size]);
      spans.highs.push(high / minutesOf[size]);
    };
    const hours = inner(from, to, 60);
    const days = inner(hours.from, hours.to, 1_440);
    add("minute", from, hours.from);
    add("hour", hours.from, days.from);
    add("day", days.from, days.to);
    add("hour", days.to, hours.to);
    add("minute", hours.to, to);
  }
  return spans;
}

/** A term of a sum: `sign` is 1, or -1 if it is subtracted. */
export interface SignedRange extends MinuteRange {
  readonly sign: 1 | -1;
}

/**
 * A range as a sum of whole days, whole hours and minutes, some of them subtracted: 21 hours are a
 * day minus three hours. For tables with one row per subject, where an hour has almost as many rows as a day.
 */
export function signedRanges(
  range: MinuteRange,
): Readonly<Record<"days" | "hours" | "minutes", SignedRange[]>> {
  const [days, besides] = split([{ ...range, sign: 1 }], minutesOf.day);
  const [hours, minutes] = split(besides, minutesOf.hour);
  return { days, hours, minutes };
}

/** Each range as the nearest range of whole `unit`s, and what is missing or too much at its ends. */
function split(ranges: readonly SignedRange[], unit: number): [SignedRange[], SignedRange[]] {
  const whole: SignedRange[] = [];
  const ends: SignedRange[] = [];
  for (const range of ranges) {
    const from = Math.round(range.from / unit) * unit;
    const to = Math.round(range.to / unit) * unit;
    if (from >= to) {
      ends.push(range);
      continue;
    }
    whole.push({ from, to, sign: range.sign });
    for (const [low, high] of [
      [range.from, from],
      [to, range.to],
    ] as const) {
      if (low < high) ends.push({ from: low, to: high, sign: range.sign });
      if (low > high) ends.push({ from: high, to: low, sign: range.sign === 1 ? -1 : 1 });
    }
  }
  return [whole, ends];
}

/** The ends of a range that are no whole hours: none, one or two, each shorter than two hours. */
export function brokenHours({ from, to }: MinuteRange): MinuteRange[] {
  const hours = inner(from, to, 60);
  return [
    { from, to: hours.from },
    { from: hours.to, to },
  ].filter((range) => range.from < range.to);
}

/** The same ranges as hours with masks of minutes, for `analytics.user_hours`. */
export function hourSpans(ranges: readonly MinuteRange[]): HourSpans {
  const spans: HourSpans = { points: [], lows: [], highs: [], masks: [] };
  for (const [point, { from, to }] of ranges.entries()) {
    let minute = from;
    while (minute < to) {
      const hour = Math.floor(minute / 60);
      const wholeHours = minute % 60 === 0 ? Math.floor((to - minute) / 60) : 0;
      const end = wholeHours > 0 ? minute + wholeHours * 60 : Math.min(to, (hour + 1) * 60);
      spans.points.push(point);
      spans.lows.push(hour);
      spans.highs.push(hour + Math.max(wholeHours, 1));
      spans.masks.push(minuteMask(minute - hour * 60, Math.min(end - hour * 60, 60)).toString());
      minute = end;
    }
  }
  return spans;
}

/** Bits `[low, high)` of an hour's 60. */
function minuteMask(low: number, high: number): bigint {
  return (1n << BigInt(high)) - (1n << BigInt(low));
}

/** Whole UTC days of a range as months with day bits, for `analytics.user_months`. */
export function monthMasks(range: MinuteRange): { months: number[]; masks: number[] } {
  const days = inner(range.from, range.to, 1_440);
  const months: number[] = [];
  const masks: number[] = [];
  for (let day = days.from / 1_440; day < days.to / 1_440; day++) {
    const { month, bit } = monthOfDay(day);
    if (months.at(-1) !== month) {
      months.push(month);
      masks.push(0);
    }
    masks[masks.length - 1] = (masks.at(-1) ?? 0) | (1 << bit);
  }
  return { months, masks };
}

/** The parts of a range outside its whole UTC days. */
export function brokenDays({ from, to }: MinuteRange): MinuteRange[] {
  const days = inner(from, to, 1_440);
  return [
    { from, to: days.from },
    { from: days.to, to },
  ].filter((range) => range.from < range.to);
}

/** The month's number and the bit of a UTC day (days since 1970-01-01), as the ETL counts them. */
export function monthOfDay(day: number): { month: number; bit: number } {
  const date = new Date(day * 86_400_000);
  return { month: date.getUTCFullYear() * 12 + date.getUTCMonth(), bit: date.getUTCDate() - 1 };
}

/** The largest run of whole `unit`s inside; empty at `to` when there is none. */
function inner(from: number, to: number, unit: number): MinuteRange {
  const low = Math.ceil(from / unit) * unit;
  const high = Math.floor(to / unit) * unit;
  return low < high ? { from: low, to: high } : { from: to, to };
}

/** The runs as a table `s(point, size, low, high)`; its values are the first four parameters. */
export const spanTable =
  "unnest($1::int[], $2::smallint[], $3::int[], $4::int[]) as s(point, size, low, high)";

export function spanValues({ points, sizes, lows, highs }: Spans): unknown[] {
  return [points, sizes, lows, highs];
}

/**
 * The range of a question, `[from, to)`. Windows are exact to the minute, so ranges over them must be
 * whole minutes. Others are refused: rounding them silently would answer a different question.
 */
import {
  isTimeZone,
  minuteExpects,
  minutePattern,
  momentExpects,
  momentPattern,
  type Range,
  schema,
  timeZonePattern,
} from "@weir/protocol";
import { unanswerable } from "./invalid-query.ts";
import type { MinuteRange } from "./spans.ts";
import { dayOf, startOfDay } from "./time-zone.ts";

const maxRangeDays = 400;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const earliestMs = Date.UTC(2000, 0, 1);
const latestMs = Date.UTC(2200, 0, 1);

export interface QueryRange extends MinuteRange {
  readonly zone: string;
}

type Query = Readonly<Record<string, unknown>>;

const instantText =
  "RFC 3339 with offset on a whole minute, or a date (midnight in time_zone), e.g. 2026-11-21";
export const rangeParameters = {
  from: minuteParameter(`Start, inclusive: ${instantText}.`),
  to: minuteParameter(`End, exclusive: ${instantText}.`),
  time_zone: schema.string({
    maxLength: 64,
    pattern: timeZonePattern,
    format: "time-zone",
    "x-expects": "an IANA time zone, e.g. UTC",
    default: "UTC",
    examples: ["Europe/Istanbul"],
    description: "IANA time zone of local days and hours.",
  }),
};

function minuteParameter(description: string) {
  return schema.string({ pattern: minutePattern, "x-expects": minuteExpects, description });
}

/** An instant or a local date. */
export function momentParameter(description: string) {
  return schema.string({ pattern: momentPattern, "x-expects": momentExpects, description });
}

/**
 * Reads `from`, `to` and `time_zone`. Without `to` the range ends with the current minute, without
 * `from` it is `defaultDays` long. @throws WeirError unanswerable_query
 */
export function readRange(query: Query, now: number, defaultDays = 1): QueryRange {
  const { zone, fromMs, toMs } = readInstants(query, now, defaultDays);
  for (const [name, at] of [
    ["from", fromMs],
    ["to", toMs],
  ] as const) {
    if (at % minuteMs !== 0) {
      const near = new Date(Math.floor(at / minuteMs) * minuteMs).toISOString();
      throw unanswerable(name, `must be a whole minute, e.g. ${near}`);
    }
  }
  return { zone, from: fromMs / minuteMs, to: toMs / minuteMs };
}

/** As readRange, in milliseconds, for raw events. @throws WeirError unanswerable_query */
export function readInstants(
  query: Query,
  now: number,
  defaultDays: number,
): { zone: string; fromMs: number; toMs: number } {
  const zone = readZone(query["time_zone"]);
  const toMs =
    query["to"] === undefined
      ? Math.floor(now / minuteMs + 1) * minuteMs
      : readInstant("to", query["to"], zone);
  const fromMs =
    query["from"] === undefined
      ? toMs - defaultDays * dayMs
      : readInstant("from", query["from"], zone);
  if (fromMs >= toMs) {
    throw unanswerable("from", `must be before "to" (${new Date(toMs).toISOString()})`);
  }
  if (toMs - fromMs > maxRangeDays * dayMs) {
    throw unanswerable("from", `the range may span at most ${maxRangeDays} days`);
  }
  return { zone, fromMs, toMs };
}

/** The previous period of the same length; whole local days are counted as days. */
export function previousRange(range: QueryRange): QueryRange {
  const { zone, from, to } = range;
  const first = dayOf(zone, from);
  const last = dayOf(zone, to);
  // Between local midnights the length is a number of days: a day of 23 hours is still one day.
  const wholeDays = startOfDay(zone, first) === from && startOfDay(zone, last) === to;
  const start = wholeDays ? startOfDay(zone, first - (last - first)) : from - (to - from);
  return { zone, from: start, to: from };
}

export function rangeAnswer({ from, to, zone }: QueryRange): Range {
  return { from: instantOf(from), to: instantOf(to), time_zone: zone };
}

/** A minute since the epoch as RFC 3339. */
export function instantOf(minute: number): string {
  return new Date(minute * minuteMs).toISOString();
}

export function readZone(value: unknown): string {
  if (value === undefined) return "UTC";
  if (typeof value === "string" && isTimeZone(value)) return value;
  throw unanswerable("time_zone", "must be an IANA time zone, e.g. UTC");
}

/** Milliseconds since the epoch of an RFC 3339 instant or a local date. @throws WeirError unanswerable_query */
export function readInstant(name: string, value: unknown, zone: string): number {
  const text = typeof value === "string" ? value : "";
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const at = date === null ? instantMs(text) : localMidnight(date, zone);
  if (Number.isNaN(at)) {
    const hint = text.includes(" ") ? '; encode "+" as %2B in a URL' : "";
    throw unanswerable(
      name,
      `must be a date or an RFC 3339 instant with offset, e.g. 2026-11-21T09:30:00Z${hint}`,
    );
  }
  if (at < earliestMs || at > latestMs) {
    throw unanswerable(name, "must be between the years 2000 and 2200");
  }
  return at;
}

function instantMs(text: string): number {
  const parts =
    /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i.exec(text);
  if (parts?.[1] === undefined || !isCalendarDate(parts[1])) return Number.NaN;
  return Date.parse(text.toUpperCase());
}

function localMidnight([text, year, month, day]: RegExpExecArray, zone: string): number {
  if (!isCalendarDate(text)) return Number.NaN;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day)) / dayMs;
  return startOfDay(zone, date) * minuteMs;
}

/** Date.parse reads the 30th of February as the 2nd of March. */
function isCalendarDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

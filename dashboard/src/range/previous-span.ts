import { type Granularity, localTime } from "@weir/protocol";
import type { RangeChoice, Span } from "./range.ts";
import { dayMs, hourMs, instantOf, startOfDay, startOfDayAt, startOfHour } from "./zone.ts";

const presetDays = { "24h": 1, today: 1, yesterday: 1, "7d": 7, "30d": 30, "90d": 90 } as const;

/**
 * The previous period of a range: the same weekdays and hours of the day before it, because
 * shops have daily and weekly patterns. A custom range is compared with as much time, or as
 * many local days, directly before it.
 */
export function previousSpan(choice: RangeChoice, zone: string, span: Span): Span {
  if (choice.kind === "preset") {
    if (choice.preset === "1h") return { from: span.from - hourMs, to: span.to - hourMs };
    return shiftDays(span, zone, presetDays[choice.preset]);
  }
  const wholeDays =
    startOfDay(zone, span.from) === span.from && startOfDay(zone, span.to) === span.to;
  if (wholeDays) return shiftDays(span, zone, Math.round((span.to - span.from) / dayMs));
  return { from: span.from - (span.to - span.from), to: span.from };
}

/** The span of a chart: it ends with its last bucket, or with the day. */
export function chartSpan(
  choice: RangeChoice,
  span: Span,
  about: { readonly zone: string; readonly granularity: Granularity },
): Span {
  const { zone, granularity } = about;
  const last = span.to - 1;
  const today = choice.kind === "preset" && choice.preset === "today";
  // An incomplete hour or day is compared with the whole one of the previous period.
  if (granularity === "day" || (today && granularity === "hour")) {
    return { from: span.from, to: startOfDayAt(zone, last, 1) };
  }
  if (granularity === "minute") return span;
  const start = startOfHour(zone, last);
  return { from: span.from, to: start + hourMs };
}

function shiftDays(span: Span, zone: string, days: number): Span {
  const shift = (ms: number) => {
    const local = localTime(zone, ms);
    return instantOf(zone, { ...local, day: local.day - days });
  };
  const from = shift(span.from);
  const to = shift(span.to);
  // A clock change can skip the whole of a short span.
  return from < to ? { from, to } : { from: span.from - days * dayMs, to: span.to - days * dayMs };
}

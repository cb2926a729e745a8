import { type Granularity, localTime } from "@weir/protocol";
import type { RangeChoice, Span } from "./range.ts";
import { dayMs, hourMs, instantOf, startOfDay, startOfDayAt, startOfHour } from "./zone.ts";

const presetDays = { "24h": 1, today: 1, yesterday: 1, "7d": 7, "30d": 30, "90d": 90 } as const;

/**
 * What a range is compared with: the same weekdays and the same hours of the clock before, because
 * shops have a rhythm of the day and the week. A custom range is compared with as much time, or as
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

/** The span with its end moved to the end of its last bucket, or of the day: what a chart spans. */
export function chartSpan(
  choice: RangeChoice,
  span: Span,
  about: { readonly zone: string; readonly granularity: Granularity },
): Span {
  const { zone, granularity } = about;
  const last = span.to - 1;
  const today = choice.kind === "preset" && choice.preset === "today";
  // An unfinished hour or day is joined by its whole counterpart in the period before.
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
  // A clock put forward can swallow the whole of a short span.
  return from < to ? { from, to } : { from: span.from - days * dayMs, to: span.to - days * dayMs };
}

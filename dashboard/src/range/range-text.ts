import type { Formats } from "../format/formats.ts";
import type { Span } from "./range.ts";
import { dayMs, hourMs, minuteMs, startOfDay } from "./zone.ts";

/** `[from, to)` as text: whole days as days, other ranges with the time of day. */
export function rangeText({ from, to }: Span, formats: Formats): string {
  const wholeDays = startOfDay(formats.zone, from) === from && startOfDay(formats.zone, to) === to;
  if (wholeDays) {
    // The end is exclusive: a range of one day ends on that day.
    const last = to - 1;
    return last - from <= dayMs + hourMs
      ? formats.dayName(from)
      : `${formats.day(from)} – ${formats.day(last)}`;
  }
  const sameDay = startOfDay(formats.zone, from) === startOfDay(formats.zone, to);
  const end = sameDay ? formats.clock(to) : `${formats.day(to)} ${formats.clock(to)}`;
  return `${formats.day(from)} ${formats.clock(from)} – ${end}`;
}

/** One window or bucket: minutes and hours with the time of day, days with the weekday. */
export function bucketText(
  start: number,
  size: "minute" | "hour" | "day",
  formats: Formats,
): string {
  if (size === "day") return formats.dayName(start);
  const end = start + (size === "hour" ? hourMs : minuteMs);
  return `${formats.day(start)} ${formats.clock(start)}–${formats.clock(end)}`;
}

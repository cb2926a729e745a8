import type { Granularity } from "@weir/protocol";
import {
  dayMs,
  hourMs,
  minuteMs,
  readLocal,
  startOfDayAt,
  startOfHour,
  writeLocal,
} from "./zone.ts";

export const presets = ["1h", "24h", "today", "yesterday", "7d", "30d", "90d"] as const;
export type Preset = (typeof presets)[number];

/** A preset moves with the clock; a custom range is fixed, in the local time of the zone. */
export type RangeChoice =
  | { readonly kind: "preset"; readonly preset: Preset }
  | { readonly kind: "custom"; readonly from: string; readonly to: string };

/** `[from, to)` in milliseconds since the epoch, on whole minutes. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The longest range of each granularity: beyond it a chart has more points than pixels. */
const longest: Readonly<Record<Granularity, number>> = {
  minute: dayMs,
  hour: 62 * dayMs,
  day: 1_000 * dayMs,
};

/**
 * Presets start at a bucket and end with the current minute, so that only the last
 * bucket is unfinished and the previous period has exactly the same length.
 */
export function resolveRange(choice: RangeChoice, zone: string, now: number): Span | undefined {
  const to = Math.floor(now / minuteMs) * minuteMs + minuteMs;
  if (choice.kind === "custom") return customSpan(choice, zone);
  switch (choice.preset) {
    case "1h":
      return { from: to - hourMs, to };
    case "24h":
      return { from: startOfHour(zone, now) - 23 * hourMs, to };
    case "today":
      return { from: startOfDayAt(zone, now, 0), to };
    case "yesterday":
      return { from: startOfDayAt(zone, now, -1), to: startOfDayAt(zone, now, 0) };
    case "7d":
      return { from: startOfDayAt(zone, now, -6), to };
    case "30d":
      return { from: startOfDayAt(zone, now, -29), to };
    case "90d":
      return { from: startOfDayAt(zone, now, -89), to };
  }
}

function customSpan(choice: { from: string; to: string }, zone: string): Span | undefined {
  const from = readLocal(zone, choice.from);
  const to = readLocal(zone, choice.to);
  if (from === undefined || to === undefined || from >= to) return undefined;
  return { from, to };
}

/** The custom range of a span: the initial values of the custom form. */
export function customFrom(span: Span, zone: string): { from: string; to: string } {
  return { from: writeLocal(zone, span.from), to: writeLocal(zone, span.to) };
}

export function fitsGranularity(granularity: Granularity, span: Span): boolean {
  return span.to - span.from <= longest[granularity];
}

/** The requested granularity if it fits the range; otherwise the one that suits the range. */
export function granularityFor(requested: Granularity | "auto", span: Span): Granularity {
  if (requested !== "auto" && fitsGranularity(requested, span)) return requested;
  const length = span.to - span.from;
  if (length <= 3 * hourMs) return "minute";
  return length <= 3 * dayMs ? "hour" : "day";
}

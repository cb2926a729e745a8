import type { Granularity } from "@weir/protocol";
import { dayMs, hourMs, readLocal, startOfDayAt, startOfHour, writeLocal } from "./zone.ts";

export const presets = ["1h", "24h", "today", "yesterday", "7d", "30d", "90d"] as const;
export type Preset = (typeof presets)[number];

/** A preset moves with the clock; a custom range stands still, in the zone's local time. */
export type RangeChoice =
  | { readonly kind: "preset"; readonly preset: Preset }
  | { readonly kind: "custom"; readonly from: string; readonly to: string };

/** `[from, to)` in milliseconds since the epoch, on whole minutes. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const minute = 60_000;
/** Beyond these, a chart has more points than pixels. */
const longest: Readonly<Record<Granularity, number>> = {
  minute: dayMs,
  hour: 62 * dayMs,
  day: 1_000 * dayMs,
};

/**
 * Presets begin at the start of a bucket and end with the current minute, so that only the last
 * bucket is unfinished and the previous period has exactly the same length.
 */
export function resolveRange(choice: RangeChoice, zone: string, now: number): Span | undefined {
  const to = Math.floor(now / minute) * minute + minute;
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

/** The custom range that shows what a span shows now: where the custom form starts from. */
export function customFrom(span: Span, zone: string): { from: string; to: string } {
  return { from: writeLocal(zone, span.from), to: writeLocal(zone, span.to) };
}

export function fitsGranularity(granularity: Granularity, span: Span): boolean {
  return span.to - span.from <= longest[granularity];
}

/** The granularity asked for, or the one that suits the range when none was or it does not fit. */
export function granularityFor(asked: Granularity | "auto", span: Span): Granularity {
  if (asked !== "auto" && fitsGranularity(asked, span)) return asked;
  const length = span.to - span.from;
  if (length <= 3 * hourMs) return "minute";
  return length <= 3 * dayMs ? "hour" : "day";
}

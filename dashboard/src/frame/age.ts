import type { Freshness } from "@weir/protocol";

/** The freshness of an answer, with the time of the answer on the browser's monotonic clock. */
export interface KnownFreshness {
  readonly freshness: Freshness;
  readonly answeredAt: number;
}

export type AgeLevel = "fresh" | "late" | "stale";

/**
 * The age of the numbers now. Server and browser clocks may differ: the age at the answer comes from
 * the server, and only the time since then is measured by the browser.
 */
export function ageMs(known: KnownFreshness, now: number): number {
  return Math.max(0, known.freshness.lag_ms + (now - known.answeredAt));
}

export function ageLevel(age: number): AgeLevel {
  if (age < 15_000) return "fresh";
  return age < 120_000 ? "late" : "stale";
}

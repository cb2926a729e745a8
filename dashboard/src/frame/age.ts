import type { Freshness } from "@weir/protocol";

/** Freshness as it was answered, with the moment of the answer on the page's own clock. */
export interface KnownFreshness {
  readonly freshness: Freshness;
  readonly answeredAt: number;
}

export type AgeLevel = "fresh" | "late" | "stale";

/**
 * How old the numbers are now. Server and browser clocks may differ, so the age at the answer is
 * the server's and only what passed since is the browser's.
 */
export function ageMs(known: KnownFreshness, now: number): number {
  return Math.max(0, known.freshness.lag_ms + (now - known.answeredAt));
}

export function ageLevel(age: number): AgeLevel {
  if (age < 15_000) return "fresh";
  return age < 120_000 ? "late" : "stale";
}

import { setTimeout as delay } from "node:timers/promises";

/** So that a slow embedder is not twice as slow. */
const longestRestMs = 1_000;

/**
 * What is done in the background leaves half of the time to others: rests for as long as what began at `began` (of
 * `performance.now()`) took, a second at most. Ends early, without an error, when the signal aborts.
 */
export async function leaveHalf(began: number, signal?: AbortSignal): Promise<void> {
  const rest = Math.min(performance.now() - began, longestRestMs);
  await delay(rest, undefined, { signal }).catch(() => {});
}

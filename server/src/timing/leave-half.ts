import { pause } from "./pause.ts";

/** Upper limit, so that a slow embedder is not twice as slow. */
const longestRestMs = 1_000;

/**
 * Background work leaves half of the time to others: pauses for as long as the work took that began at
 * `began` (of `performance.now()`), a second at most. Ends early, without an error, when the signal aborts.
 */
export async function leaveHalf(began: number, signal?: AbortSignal): Promise<void> {
  await pause(Math.min(performance.now() - began, longestRestMs), signal);
}

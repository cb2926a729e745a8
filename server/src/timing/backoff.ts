/** Growing delays between attempts of something that will succeed sooner or later. */
import { pause } from "./pause.ts";

export interface BackoffLimits {
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Backoff {
  /** The next delay: doubles up to the last one. */
  next(): number;
  /** After a success: the next delay is the first one again. */
  reset(): void;
}

export function createBackoff({ firstMs, lastMs }: BackoffLimits): Backoff {
  let delay = firstMs;
  return {
    next() {
      const now = delay;
      delay = Math.min(delay * 2, lastMs);
      return now;
    },
    reset() {
      delay = firstMs;
    },
  };
}

/**
 * Between half and all of a delay, so that clients of one server do not all retry at the same moment.
 * @param random uniform in [0, 1)
 */
export function jittered(delayMs: number, random: () => number): number {
  return delayMs * (0.5 + random() / 2);
}

export interface RetryOptions extends BackoffLimits {
  /** Ends the retries: the last error is thrown. */
  readonly signal?: AbortSignal;
  /** Called after each failure; false ends the retries, and the error is thrown. */
  readonly onFailure: (error: unknown) => boolean | undefined;
}

/**
 * The result of `work`, repeated until it succeeds.
 * @throws the error of `work` when `onFailure` returns false or the signal aborts
 */
export async function retryWithBackoff<T>(
  work: () => Promise<T>,
  { onFailure, signal, ...limits }: RetryOptions,
): Promise<T> {
  const backoff = createBackoff(limits);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (onFailure(error) === false) throw error;
      await pause(backoff.next(), signal);
      if (signal?.aborted === true) throw error;
    }
  }
}

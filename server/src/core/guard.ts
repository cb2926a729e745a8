/** What stands before a call to something that may be away: `resilience/` provides it by name. */

export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

export interface Guard {
  readonly name: string;
  readonly state: BreakerState;
  /**
   * Runs `work` under the guard's time limit, retries (errors with `retryable: true` only) and breaker.
   * Rejects with what `work` last rejected with, or with `BreakerOpenError` without calling it.
   */
  execute<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
  readonly retryable = true;
  /** Milliseconds until the breaker lets a first call through again. */
  readonly retryAfterMs: number;

  constructor(guard: string, retryAfterMs: number) {
    super(
      `${guard} does not answer; its breaker is open for another ${Math.ceil(retryAfterMs)} ms`,
    );
    this.retryAfterMs = retryAfterMs;
  }
}

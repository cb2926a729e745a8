/** What stands before a call to something that may be away: `resilience/` provides it by name. */
export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

export interface Guard {
  readonly name: string;
  /** `OPEN` until the first call after the open time tries again. */
  readonly state: BreakerState;
  /** Milliseconds until the breaker lets a call through; 0 when it would now. */
  readonly retryAfterMs: number;
  /**
   * Runs `work` under the guard's time limit, retries (errors with `retryable: true` only) and breaker.
   * Rejects with what `work` last rejected with (`CallTimeoutError` when it took too long), with
   * `BreakerOpenError` without having called it, or at once with the reason of an aborted signal.
   * Nobody waits in here for an open breaker: see `waitUntilAllowed`.
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

export class CallTimeoutError extends Error {
  override readonly name = "CallTimeoutError";
  readonly retryable = true;

  constructor(guard: string, timeoutMs: number) {
    super(`${guard} did not answer within ${timeoutMs} ms`);
  }
}

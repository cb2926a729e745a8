/** Wraps calls to a dependency: `adapters/resilience/` provides guards by name. */
export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

export interface Guard {
  /**
   * `<kind>`, or `<kind>:<id>` where one kind has many guards: `vector_store`, `delivery:42`. All guards of
   * one name share one breaker.
   */
  readonly name: string;
  /** `OPEN` until the first call after the open time. */
  readonly state: BreakerState;
  /** Milliseconds until the breaker lets a call through; 0 if it lets one through now. */
  readonly retryAfterMs: number;
  /**
   * Runs `work` under the guard's time limit, retries (errors with `retryable: true` only) and breaker.
   * Never waits for an open breaker.
   *
   * @throws the last error of `work`
   * @throws CallTimeoutError if the last attempt exceeded its time limit
   * @throws BreakerOpenError without calling `work`
   * @throws GuardLimitError without calling `work`
   * @throws the reason of `signal`, at once, when it aborts
   */
  execute<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
  readonly retryable = true;
  /** Milliseconds until the breaker lets a first call through again. */
  readonly retryAfterMs: number;

  constructor(guard: string, retryAfterMs: number) {
    super(`${guard} is unavailable; its breaker is open for another ${Math.ceil(retryAfterMs)} ms`);
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

/** The guard does not exist yet, and as many as allowed are in use. */
export class GuardLimitError extends Error {
  override readonly name = "GuardLimitError";
  readonly retryable = true;

  constructor(guard: string, limit: number) {
    super(`${guard} gets no guard now; ${limit} are in use (resilience.max_named_guards)`);
  }
}

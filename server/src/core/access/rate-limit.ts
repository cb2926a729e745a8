/** Rate limits of keys, as the accept path needs them; adapters/limits/ implements them. */
export interface RatePolicy {
  readonly eventsPerSecond: number;
  /** Burst size of a key, in events. */
  readonly burstEvents: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Whole events left after this decision. */
  readonly remaining: number;
  /** Seconds until the full burst is available again. */
  readonly resetSeconds: number;
  /** Seconds until the requested number of events is available; 0 if allowed. */
  readonly retryAfterSeconds: number;
}

/** Takes `events` from the budget of a key, all or none. `now` is in milliseconds of a monotonic clock. */
export interface RateLimiter {
  take(
    key: string,
    request: { readonly events: number; readonly policy: RatePolicy; readonly now: number },
  ): RateDecision | Promise<RateDecision>;
}

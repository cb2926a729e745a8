/** How much a key may send: asked by the accept path, answered by `cache/` (memory, later Redis). */
export interface RatePolicy {
  readonly eventsPerSecond: number;
  /** What a rested key may send at once. */
  readonly burstEvents: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Whole events left after this decision. */
  readonly remaining: number;
  /** Seconds until the full burst is there again. */
  readonly resetSeconds: number;
  /** Seconds until as many events as were asked for are there; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

/** Takes `events` from what a key may send, all or none. `now` in milliseconds. */
export interface RateLimiter {
  take(
    key: string,
    request: { readonly events: number; readonly policy: RatePolicy; readonly now: number },
  ): RateDecision | Promise<RateDecision>;
}

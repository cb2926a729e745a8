export interface RateLimitOptions {
  readonly burst: number;
  /** For one attempt to come back. */
  readonly refillMs: number;
  /** Of callers that are remembered; the one that was seen longest ago is forgotten first. */
  readonly memory: number;
}

/** A token bucket for each caller, in memory of a fixed size. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Counts an attempt; false: too many. */
  allow(caller: string, nowMs: number): boolean {
    const { burst, refillMs, memory } = this.#options;
    const known = this.#buckets.get(caller);
    const gained = known === undefined ? 0 : Math.max(0, nowMs - known.at) / refillMs;
    const left = Math.min(burst, (known?.left ?? burst) + gained);
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { left: left < 1 ? left : left - 1, at: nowMs });
    if (this.#buckets.size > memory) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return left >= 1;
  }
}

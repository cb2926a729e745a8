import type { RateDecision, RateLimiter } from "../../core/access/rate-limit.ts";

interface Bucket {
  tokens: number;
  /** When `tokens` was computed, in milliseconds. */
  at: number;
}

/** Number of keys above which those with a full bucket are dropped. */
const sweepAbove = 10_000;

/**
 * Token buckets in this process: a bucket holds up to `burstEvents` and gains `eventsPerSecond`. The
 * policy comes with each request, so that a change of the configuration takes effect at once.
 */
export function createMemoryRateLimiter(): RateLimiter & { readonly keys: number } {
  const buckets = new Map<string, Bucket>();
  let sweepAt = sweepAbove;

  return {
    get keys() {
      return buckets.size;
    },
    take(key, { events, policy, now }): RateDecision {
      const { eventsPerSecond: rate, burstEvents: burst } = policy;
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        if (buckets.size >= sweepAt) {
          dropFull(buckets, (b) => b.tokens + ((now - b.at) * rate) / 1000 >= burst);
          sweepAt = Math.max(sweepAbove, buckets.size * 2);
        }
        bucket = { tokens: burst, at: now };
        buckets.set(key, bucket);
      }
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * rate) / 1000);
      bucket.at = now;
      const allowed = bucket.tokens >= events;
      if (allowed) bucket.tokens -= events;
      return {
        allowed,
        remaining: Math.floor(bucket.tokens),
        resetSeconds: Math.ceil((burst - bucket.tokens) / rate),
        retryAfterSeconds: allowed
          ? 0
          : Math.max(1, Math.ceil((Math.min(events, burst) - bucket.tokens) / rate)),
      };
    },
  };
}

function dropFull(buckets: Map<string, Bucket>, isFull: (bucket: Bucket) => boolean): void {
  for (const [key, bucket] of buckets) {
    if (isFull(bucket)) buckets.delete(key);
  }
}

export interface RetryPolicy {
  /** The first wait is at most this long, in milliseconds; each further one twice as long. */
  readonly baseMs: number;
  /** No wait of our own is longer. */
  readonly maxMs: number;
  /** Attempts for one event, the first included; then it is dropped with reason `attempts`. */
  readonly maxAttempts: number;
}

/** What a server may ask for at most: an hour. A longer Retry-After is taken as an hour. */
const longestRetryAfterMs = 3_600_000;

/**
 * Milliseconds that a `Retry-After` header asks for (RFC 9110: seconds, or an HTTP date), undefined
 * when it is absent or says nothing understandable. A date in the past is 0.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestRetryAfterMs);
  // Date.parse takes much that is no HTTP date ("-5", "1.5"): those begin with a day's name
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const date = Date.parse(text);
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, date - nowMs), longestRetryAfterMs);
}

/**
 * How long to wait before attempt `failures + 1`: "full jitter" (anything from 0 to the doubling
 * limit) spreads clients that failed together. With a Retry-After it is that, plus a jitter of at
 * most a tenth or `baseMs`, so that those told the same second do not come back in it together.
 */
export function retryDelay(
  policy: RetryPolicy,
  after: {
    readonly failures: number;
    /** 0 to 1. */
    readonly random: number;
    readonly retryAfterMs?: number | undefined;
  },
): number {
  const { failures, random, retryAfterMs } = after;
  if (retryAfterMs !== undefined) {
    return Math.round(retryAfterMs + random * Math.max(policy.baseMs, retryAfterMs / 10));
  }
  const limit = Math.min(
    policy.maxMs,
    policy.baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)),
  );
  return Math.round(random * limit);
}

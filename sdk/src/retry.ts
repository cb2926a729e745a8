export interface RetryPolicy {
  /** Maximum of the first wait, in milliseconds; it doubles with each further wait. */
  readonly baseMs: number;
  /** Maximum wait without a Retry-After. */
  readonly maxMs: number;
  /** Attempts for one event, the first included; then it is dropped with reason `attempts`. */
  readonly maxAttempts: number;
}

/** A longer Retry-After is reduced to an hour. */
const longestRetryAfterMs = 3_600_000;

/**
 * The milliseconds of a `Retry-After` header (RFC 9110: seconds, or an HTTP date); undefined if it is
 * absent or invalid. A date in the past is 0.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestRetryAfterMs);
  // Date.parse accepts much that is no HTTP date ("-5", "1.5"); HTTP dates start with the name of a day
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const date = Date.parse(text);
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, date - nowMs), longestRetryAfterMs);
}

/**
 * How long to wait before attempt `failures + 1`: "full jitter" (anything from 0 to the doubling
 * limit) spreads clients that failed together. With a Retry-After it is that value plus a jitter of at
 * most a tenth or `baseMs`, so that clients with the same value do not return at the same time.
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

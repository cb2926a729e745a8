import type { Cache } from "./cache.ts";

export interface GuardOptions {
  /** Of each call. */
  readonly timeoutMs: number;
  /** Consecutive failures after which calls fail at once. */
  readonly failures: number;
  /** For how long; then one call is tried. */
  readonly pauseMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export const defaultGuard = { timeoutMs: 100, failures: 3, pauseMs: 1_000 } as const;

/** The cache is not asked, or did not answer in time. */
export class CacheUnavailableError extends Error {
  override readonly name = "CacheUnavailableError";
}

/** A cache with a time limit for each call, and a breaker: a slow cache costs its limit only a few times. */
export function guardCache(cache: Cache, options: GuardOptions): Cache {
  let failures = 0;
  let closedUntil = 0;

  async function guarded<T>(call: () => Promise<T>): Promise<T> {
    const isOpen = failures >= options.failures;
    if (isOpen) {
      if (options.now() < closedUntil) throw new CacheUnavailableError("the cache is paused");
      // others wait for the outcome of this one
      closedUntil = options.now() + options.pauseMs;
    }
    try {
      const result = await withLimit(call(), options.timeoutMs);
      failures = 0;
      return result;
    } catch (error) {
      failures += 1;
      closedUntil = options.now() + options.pauseMs;
      throw error;
    }
  }

  return {
    get: (key) => guarded(() => cache.get(key)),
    put: (key, entry, ttlMs) => guarded(() => cache.put(key, entry, ttlMs)),
    invalidate: (invalidations) => guarded(() => cache.invalidate(invalidations)),
    check: () => withLimit(cache.check(), options.timeoutMs),
    close: () => cache.close(),
  };
}

async function withLimit<T>(call: Promise<T>, timeoutMs: number): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => limit.reject(new CacheUnavailableError(`the cache did not answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([call, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

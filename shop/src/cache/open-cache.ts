import type { Logger } from "../foundation/logger.ts";
import type { Cache } from "./cache.ts";
import { CacheUnavailableError, defaultGuard, guardCache } from "./guarded-cache.ts";
import { MemoryCache } from "./memory-cache.ts";
import { RedisCache } from "./redis-cache.ts";

export interface OpenCacheOptions {
  /** Off: everything comes from the database. */
  readonly mode: "on" | "off";
  /** Absent: in memory. */
  readonly redisUrl: string | undefined;
  readonly prefix: string;
  /** Time limit of a call to Redis. */
  readonly timeoutMs?: number | undefined;
  readonly logger: Logger;
}

/** The cache of the settings: Redis behind a time limit and a breaker, or memory. */
export function openCache(options: OpenCacheOptions): Cache {
  const { mode, redisUrl, prefix, timeoutMs, logger } = options;
  const now = (): number => performance.now();
  if (mode === "off") return noCache;
  if (redisUrl === undefined) return new MemoryCache({ now });
  const redis = new RedisCache({ url: redisUrl, prefix, logger, random: Math.random });
  return guardCache(redis, {
    ...defaultGuard,
    timeoutMs: timeoutMs ?? defaultGuard.timeoutMs,
    now,
  });
}

const noCache: Cache = {
  get: () => Promise.reject(new CacheUnavailableError("the cache is switched off")),
  put: async () => false,
  invalidate: async () => {},
  check: async () => {},
  close: async () => {},
};

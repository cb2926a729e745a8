/** A value with the version of what it was made of; `value` null: there is no such thing. */
export interface CacheEntry {
  /** JSON text. */
  readonly value: string | null;
  readonly version: number;
}

export interface Invalidation {
  readonly key: string;
  /** The version that the change made; entries below it are wrong. */
  readonly version: number;
}

/**
 * A cache of rows. It never keeps an entry that is older than an invalidation of its key: a reader that
 * read before a change, and stores its row after the invalidation, is refused.
 *
 * Any call may reject, e.g. when Redis is down.
 */
export interface Cache {
  get(key: string): Promise<CacheEntry | undefined>;
  /** False when a newer version, or an invalidation by one, is known; nothing is stored then. */
  put(key: string, entry: CacheEntry, ttlMs: number): Promise<boolean>;
  /** Removes entries below the version, and refuses them for `invalidationTtlMs`. */
  invalidate(invalidations: readonly Invalidation[]): Promise<void>;
  /** Rejects with the reason when it cannot serve. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** How long an invalidation is remembered: longer than any request that read before the change. */
export const invalidationTtlMs = 120_000;

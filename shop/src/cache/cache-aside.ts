import type { Logger } from "../foundation/logger.ts";
import type { Cache, CacheEntry, Invalidation } from "./cache.ts";

export interface Loaded<T> {
  /** Null: there is no such thing. */
  readonly value: T | null;
  readonly version: number;
}

export interface Read<T> {
  readonly value: T | null;
  /** `bypass`: the cache was not used, as it is down or an invalidation of this key has not reached it. */
  readonly outcome: "hit" | "miss" | "bypass";
}

export interface CacheAsideOptions<T> {
  readonly cache: Cache;
  /** Reads the database. */
  readonly load: (key: string) => Promise<Loaded<T>>;
  /** An entry lives 80 to 100 % of it, so that entries made together do not end together. */
  readonly ttlMs: number;
  /** Of entries that say that there is no such thing. */
  readonly negativeTtlMs: number;
  readonly random: () => number;
  readonly logger: Logger;
  /** How often invalidations that failed are tried again; default 500 ms. */
  readonly retryMs?: number;
}

export interface CacheAside<T> extends AsyncDisposable {
  read(key: string): Promise<Read<T>>;
  /**
   * To be called after the commit of a change. Never rejects: what cannot be delivered to the cache is kept
   * and tried again, and until then this process reads these keys from the database.
   */
  invalidate(invalidations: readonly Invalidation[]): Promise<void>;
}

/** A cache that is down for long must not fill the memory; above it, all reads go to the database. */
const maxUndelivered = 10_000;

/**
 * Cache-aside: a hit is returned; on a miss the database is read, once for all that ask in this process,
 * and stored with its version. Without the cache, everything comes from the database: slower, never wrong.
 */
export function createCacheAside<T>(options: CacheAsideOptions<T>): CacheAside<T> {
  const { cache, load, random, logger } = options;
  const flights = new Map<string, Promise<Loaded<T>>>();
  /** Versions by key, which the cache has not confirmed. */
  const undelivered = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Reads the database, once for all callers that came before it was finished. */
  function loadOnce(key: string): Promise<Loaded<T>> {
    const running = flights.get(key);
    if (running !== undefined) return running;
    const flight = load(key).finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    flights.set(key, flight);
    return flight;
  }

  async function lookUp(key: string): Promise<CacheEntry | "miss" | "bypass"> {
    if (undelivered.has(key) || undelivered.size >= maxUndelivered) return "bypass";
    try {
      return (await cache.get(key)) ?? "miss";
    } catch {
      return "bypass";
    }
  }

  async function store(key: string, loaded: Loaded<T>): Promise<void> {
    const full = loaded.value === null ? options.negativeTtlMs : options.ttlMs;
    const value = loaded.value === null ? null : JSON.stringify(loaded.value);
    // the answer does not depend on it
    await cache
      .put(key, { value, version: loaded.version }, full * (0.8 + 0.2 * random()))
      .catch(() => {});
  }

  async function deliver(): Promise<void> {
    const sent = [...undelivered].map(([key, version]) => ({ key, version }));
    for (let from = 0; from < sent.length; from += 500) {
      const part = sent.slice(from, from + 500);
      await cache.invalidate(part);
      for (const { key, version } of part) {
        if (undelivered.get(key) === version) undelivered.delete(key);
      }
    }
  }

  function retryLater(): void {
    if (timer !== undefined || isClosed) return;
    timer = setTimeout(() => {
      timer = undefined;
      deliver().catch(retryLater);
    }, options.retryMs ?? 500);
  }

  return {
    async read(key) {
      const found = await lookUp(key);
      if (found === "bypass") return { value: (await loadOnce(key)).value, outcome: "bypass" };
      if (found !== "miss") {
        const value = found.value === null ? null : (JSON.parse(found.value) as T);
        return { value, outcome: "hit" };
      }
      const isFirst = !flights.has(key);
      const loaded = await loadOnce(key);
      if (isFirst) await store(key, loaded);
      return { value: loaded.value, outcome: "miss" };
    },
    async invalidate(invalidations) {
      for (const { key, version } of invalidations) {
        // a read from now on must not get what was read before the change
        flights.delete(key);
        undelivered.set(key, Math.max(version, undelivered.get(key) ?? 0));
      }
      try {
        await deliver();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        logger.debug({ reason, waiting: undelivered.size }, "invalidations wait for the cache");
        retryLater();
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearTimeout(timer);
      // at most one more attempt: what is lost ends with the entries' time
      if (undelivered.size > 0) await deliver().catch(() => {});
      await cache.close();
    },
  };
}

import { type Cache, type CacheEntry, type Invalidation, invalidationTtlMs } from "./cache.ts";

export interface MemoryCacheOptions {
  /** Of keys and values; the least recently used are removed above it. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Slot {
  /** Undefined: an invalidation. */
  readonly entry: CacheEntry | undefined;
  readonly version: number;
  readonly expiresAt: number;
  readonly bytes: number;
}

/** An estimate of what a slot needs besides its texts. */
const slotBytes = 200;

/** In the memory of one process; other processes do not see its invalidations. */
export class MemoryCache implements Cache {
  readonly #options: MemoryCacheOptions;
  readonly #maxBytes: number;
  /** The least recently used first. */
  readonly #slots = new Map<string, Slot>();
  #bytes = 0;

  constructor(options: MemoryCacheOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    const slot = this.#find(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    return slot.entry;
  }

  async put(key: string, entry: CacheEntry, ttlMs: number): Promise<boolean> {
    const known = this.#find(key);
    if (known !== undefined && known.version > entry.version) return false;
    this.#set(key, { entry, version: entry.version, ttlMs });
    return true;
  }

  async invalidate(invalidations: readonly Invalidation[]): Promise<void> {
    for (const { key, version } of invalidations) {
      const known = this.#find(key);
      if (known !== undefined && known.version >= version) continue;
      this.#set(key, { entry: undefined, version, ttlMs: invalidationTtlMs });
    }
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.#slots.clear();
    this.#bytes = 0;
  }

  #find(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.expiresAt > this.#options.now()) return slot;
    this.#remove(key, slot);
    return undefined;
  }

  #set(
    key: string,
    { entry, version, ttlMs }: Pick<Slot, "entry" | "version"> & { readonly ttlMs: number },
  ): void {
    const before = this.#slots.get(key);
    if (before !== undefined) this.#remove(key, before);
    const bytes = slotBytes + 2 * (key.length + (entry?.value?.length ?? 0));
    this.#slots.set(key, { entry, version, bytes, expiresAt: this.#options.now() + ttlMs });
    this.#bytes += bytes;
    for (const [oldest, slot] of this.#slots) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest, slot);
    }
  }

  #remove(key: string, slot: Slot): void {
    this.#slots.delete(key);
    this.#bytes -= slot.bytes;
  }
}

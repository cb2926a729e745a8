import type { Cache } from "../../core/ports/cache.ts";

interface Entry {
  readonly value: Buffer;
  readonly expiresAt: number;
}

/** Of the entry in the map, its key and its Buffer. */
const overheadBytes = 300;

/** A cache in this process, bounded in bytes: the least recently used values make room. */
export class MemoryCache implements Cache {
  readonly isUp = true;
  readonly #maxBytes: number;
  readonly #monotonic: () => number;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #claims = new Map<string, number>();
  #bytes = 0;

  /** @param options.monotonic milliseconds */
  constructor(options: { readonly maxBytes: number; readonly monotonic: () => number }) {
    this.#maxBytes = options.maxBytes;
    this.#monotonic = options.monotonic;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async get(key: string): Promise<Buffer | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (entry.expiresAt <= this.#monotonic()) return undefined;
    this.#add(key, entry);
    return entry.value;
  }

  async set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    const before = this.#entries.get(key);
    if (before !== undefined) this.#remove(key, before);
    if (value.length + overheadBytes > this.#maxBytes) return;
    this.#add(key, { value, expiresAt: this.#monotonic() + ttlMs });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(oldest, entry);
    }
  }

  async claim(key: string, ttlMs: number): Promise<(() => Promise<void>) | undefined> {
    const now = this.#monotonic();
    if ((this.#claims.get(key) ?? 0) > now) return undefined;
    const until = now + ttlMs;
    this.#claims.set(key, until);
    return async () => {
      if (this.#claims.get(key) === until) this.#claims.delete(key);
    };
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.value.length + overheadBytes;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.value.length + overheadBytes;
  }
}

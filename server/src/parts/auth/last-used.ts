import type { Database } from "../../core/ports/database.ts";

const writeEveryMs = 60_000;

/** Collects the keys that were used and writes them in batches, each key at most once a minute. */
export class LastUsed {
  readonly #database: Database;
  readonly #monotonic: () => number;
  readonly #used = new Set<string>();
  readonly #writtenAt = new Map<string, number>();

  constructor(database: Database, monotonic: () => number) {
    this.#database = database;
    this.#monotonic = monotonic;
  }

  add(keyId: string): void {
    this.#used.add(keyId);
  }

  /** Writes what is due; after a failure it stays for the next call. */
  async write(): Promise<void> {
    if (this.#used.size === 0) return;
    const now = this.#monotonic();
    const due = [...this.#used].filter(
      (id) => now - (this.#writtenAt.get(id) ?? Number.NEGATIVE_INFINITY) >= writeEveryMs,
    );
    if (due.length === 0) return;
    for (const id of due) this.#used.delete(id);
    try {
      // `skip locked`: another process may write the same keys; without it, two batches in different
      // order would deadlock.
      await this.#database.query(
        {
          name: "auth_last_used",
          text: `with free as (
                   select id from auth.keys
                   where id = any($1) and (last_used_at is null or last_used_at
                     not between now() - interval '1 minute' and now() + interval '1 minute')
                   for no key update skip locked)
                 update auth.keys k set last_used_at = now() from free where k.id = free.id`,
          values: [due],
        },
        { timeoutMs: 2_000 },
      );
      for (const id of due) this.#writtenAt.set(id, now);
    } catch (error) {
      for (const id of due) this.#used.add(id);
      throw error;
    }
  }
}

/**
 * The part `sync`: keeps an external vector store equal to `vectors.points`, which the part `stream` writes and
 * which is the truth. While the store is down nothing is lost: the points wait in PostgreSQL, and are copied in
 * the order in which they changed once the store is back. Collections and aliases are copied too. Several workers may
 * run: they take turns, a page at a time.
 */
import { messageOf } from "../../../core/errors.ts";
import type { Database, Notifications } from "../../../core/ports/database.ts";
import type { Part } from "../../../core/ports/part.ts";
import { type VectorStore, VectorStoreError } from "../../../core/ports/vector-store.ts";
import { createBackoff } from "../../../timing/backoff.ts";
import { pause } from "../../../timing/pause.ts";
import { createWake } from "../../../timing/wake.ts";
import { pointsChannel } from "../feed.ts";
import { type KnownAliases, readAliases, switchCompleteAliases } from "./aliases.ts";
import { CollectionSync, readCollections } from "./collections.ts";
import { readLag, type SyncLag } from "./lag.ts";
import { resetSync } from "./page.ts";
import type { Target } from "./target.ts";

export interface VectorSyncOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** With its guard inside: while its breaker is open, the sync waits. */
  readonly store: VectorStore;
  /** Names the store in `vectors.sync_state`; a new name starts from the beginning. Default `qdrant`. */
  readonly storeName?: string;
  /** Points copied at a time; default 500. */
  readonly pagePoints?: number;
  /** How often a store that has every point is checked to still have them; default a minute. */
  readonly verifyMs?: number;
  readonly onSynced?: (page: { readonly collection: string; readonly points: number }) => void;
  readonly onError?: (error: unknown) => void;
}

export interface VectorSync extends Part {
  /** How far the store is behind PostgreSQL, by collection. */
  stats(): Promise<readonly SyncLag[]>;
  /** Copies the collection again, from the beginning; false when there is no such collection. */
  rebuild(collection: string): Promise<boolean>;
}

const pollMs = 1_000;
const retries = { firstMs: 100, lastMs: 5_000 } as const;

export function createVectorSync(options: VectorSyncOptions): VectorSync {
  const { database, store, verifyMs = 60_000, storeName = "qdrant", pagePoints = 500 } = options;
  const target: Target = { database, store, storeName, pagePoints };
  const worker = new Worker(target, { ...options, verifyMs });
  return {
    name: "sync",
    run: (signal) => worker.run(signal),
    problem: () => worker.problem,
    stats: () => readLag(database, storeName),
    async rebuild(name) {
      const [row] = await database.query<{ id: number }>({
        text: "select id from vectors.collections where name = $1",
        values: [name],
      });
      if (row === undefined) return false;
      await resetSync(target, row.id);
      await database.query({ text: `notify ${pointsChannel}` });
      return true;
    },
  };
}

type WorkerOptions = Pick<VectorSyncOptions, "notifications" | "onSynced" | "onError"> & {
  readonly verifyMs: number;
};

class Worker {
  readonly #target: Target;
  readonly #options: WorkerOptions;
  readonly #collections: CollectionSync;
  readonly #aliases: KnownAliases = new Map();
  /** Of the store as a whole; those of single collections are in `#collectionProblems`. */
  #problem: string | undefined;
  readonly #collectionProblems = new Map<string, string>();

  constructor(target: Target, options: WorkerOptions) {
    this.#target = target;
    this.#options = options;
    this.#collections = new CollectionSync(target, options);
  }

  get problem(): string | undefined {
    return this.#problem ?? this.#collectionProblems.values().next().value;
  }

  async run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = this.#options.notifications.subscribe(pointsChannel, () => wake.wake());
    const backoff = createBackoff(retries);
    try {
      while (!signal.aborted) {
        try {
          const more = await this.#pass(signal);
          this.#problem = undefined;
          backoff.reset();
          if (!more) await wake.wait(pollMs, signal);
        } catch (error) {
          if (signal.aborted) return;
          this.#problem = messageOf(error);
          this.#options.onError?.(error);
          await pause(backoff.next(), signal);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  /** One turn for each collection, then the aliases; true when there is more to copy at once. */
  async #pass(signal: AbortSignal): Promise<boolean> {
    const { database } = this.#target;
    await readAliases(database, this.#aliases);
    const collections = await readCollections(database);
    for (const name of await this.#collections.removeDropped(signal)) {
      this.#collectionProblems.delete(name);
    }
    await this.#collections.register();
    let more = false;
    for (const collection of collections) {
      if (signal.aborted) return false;
      try {
        more = (await this.#collections.sync(collection, signal)) || more;
        this.#collectionProblems.delete(collection.name);
      } catch (error) {
        // a store that is down is down for all collections; any other error concerns this one alone
        if (!(error instanceof VectorStoreError) || error.retryable || signal.aborted) throw error;
        const problem = `Collection "${collection.name}": ${error.message}`;
        this.#collectionProblems.set(collection.name, problem);
        this.#options.onError?.(error);
      }
    }
    await switchCompleteAliases(this.#target, this.#aliases, signal);
    return more;
  }
}

/** The collections of the store: created, filled, compared and removed as in PostgreSQL. */
import type { Queryable } from "../../../core/ports/database.ts";
import { type CollectionSettings, VectorStoreError } from "../../../core/ports/vector-store.ts";
import { FeedGapError } from "../feed.ts";
import { countsAgree, resetSync, syncPage } from "./page.ts";
import type { Target } from "./target.ts";

export interface Collection extends CollectionSettings {
  readonly id: number;
  readonly name: string;
}

interface CollectionSyncOptions {
  readonly verifyMs: number;
  readonly onSynced?: (page: { readonly collection: string; readonly points: number }) => void;
}

/** Pages of one collection before the next one has its turn. */
const pagesInARow = 10;

export async function readCollections(database: Queryable): Promise<Collection[]> {
  return database.query<Collection>({
    text: `select id, name, dimension, payload_indexes as "payloadIndexes"
           from vectors.collections order by id`,
  });
}

export class CollectionSync {
  readonly #target: Target;
  readonly #options: CollectionSyncOptions;
  /** When each collection was last compared with the store, by `performance.now()`. */
  readonly #verifiedAt = new Map<number, number>();

  constructor(target: Target, options: CollectionSyncOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Gives each new collection a state: it starts from the beginning. */
  async register(): Promise<void> {
    await this.#target.database.query({
      text: `insert into vectors.sync_state (store, collection_id, name)
             select $1, id, name from vectors.collections on conflict do nothing`,
      values: [this.#target.storeName],
    });
  }

  /** One turn of a collection; true when there is more to copy at once. */
  async sync(collection: Collection, signal: AbortSignal): Promise<boolean> {
    const verifiedAt = this.#verifiedAt.get(collection.id);
    const isDue =
      verifiedAt === undefined || performance.now() - verifiedAt > this.#options.verifyMs;
    if (isDue) await this.#ensure(collection, signal);
    for (let pages = 0; pages < pagesInARow; pages++) {
      const state = await this.#syncPage(collection, signal);
      if (state === "lost") return true;
      if (state === "busy") return false;
      if (state === "caught up") return isDue && this.#verify(collection, signal);
    }
    return true;
  }

  async #syncPage(collection: Collection, signal: AbortSignal) {
    try {
      const { points, state } = await syncPage(this.#target, collection, signal);
      if (points > 0) this.#options.onSynced?.({ collection: collection.name, points });
      return state;
    } catch (error) {
      if (!(error instanceof VectorStoreError && error.code === "not_found")) throw error;
      this.#verifiedAt.delete(collection.id);
      await this.#ensure(collection, signal);
      return "lost";
    }
  }

  /** True when the store did not have as many points as PostgreSQL, and the sync begins again. */
  async #verify(collection: Collection, signal: AbortSignal): Promise<boolean> {
    const agree = await countsAgree(this.#target, collection, signal).catch((error: unknown) => {
      // a crash in between: the next page begins again
      if (error instanceof FeedGapError) return undefined;
      throw error;
    });
    if (agree === false) await resetSync(this.#target, collection.id);
    if (agree !== undefined) this.#verifiedAt.set(collection.id, performance.now());
    return agree === false;
  }

  /** A collection that the store does not have is filled from the beginning: first the reset, then the creation. */
  async #ensure(collection: Collection, signal: AbortSignal): Promise<void> {
    const { store } = this.#target;
    const existing = await store.collection(collection.name, { signal });
    if (existing === undefined) await resetSync(this.#target, collection.id);
    await store.createCollection(collection.name, collection, { signal });
  }

  /** Removes collections that PostgreSQL no longer has, also when a new one has the same name; returns their names. */
  async removeDropped(signal: AbortSignal): Promise<readonly string[]> {
    const { database, store, storeName } = this.#target;
    const dropped = await database.query<{ collection_id: number; name: string }>({
      text: `select s.collection_id, s.name from vectors.sync_state s
             where s.store = $1 and not exists (select from vectors.collections c where c.id = s.collection_id)`,
      values: [storeName],
    });
    for (const { collection_id, name } of dropped) {
      const reused = await database.query({
        text: `select from vectors.sync_state where store = $1 and name = $2 and collection_id > $3`,
        values: [storeName, name, collection_id],
      });
      if (reused.length === 0) await store.deleteCollection(name, { signal });
      await database.query({
        text: "delete from vectors.sync_state where store = $1 and collection_id = $2",
        values: [storeName, collection_id],
      });
      this.#verifiedAt.delete(collection_id);
    }
    return dropped.map(({ name }) => name);
  }
}

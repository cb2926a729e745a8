import type { Database } from "../../../core/ports/database.ts";
import type { VectorStore } from "../../../core/ports/vector-store.ts";

/** From where, to where. */
export interface Target {
  readonly database: Database;
  readonly store: VectorStore;
  /** The store's name in `vectors.sync_state`. */
  readonly storeName: string;
  readonly pagePoints: number;
}

export interface SyncedCollection {
  readonly id: number;
  readonly name: string;
}

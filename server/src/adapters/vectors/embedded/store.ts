/** The embedded driver of the vector store: points in PostgreSQL, an index in memory for queries. */
import type { CallOptions, VectorStore } from "../../../core/ports/vector-store.ts";
import { inLimits, type StoreContext } from "./calls.ts";
import { Catalogue } from "./catalogue.ts";
import { collectionCalls } from "./collection-calls.ts";
import { toVectorStoreError } from "./errors.ts";
import { Indexes, type IndexesOptions } from "./indexes.ts";
import { readCalls } from "./read-calls.ts";
import { writeCalls } from "./write-calls.ts";

export type EmbeddedStoreOptions = IndexesOptions;

export interface EmbeddedStore extends VectorStore {
  readonly driver: "embedded";
  /** Loads these collections (names or aliases) into the index; skips those that do not exist. */
  warm(names: readonly string[], options?: CallOptions): Promise<void>;
  /** The collections in the index. */
  stats(): readonly IndexStats[];
  /** Ends the thread of the index, as a crash would. For tests. */
  crashIndex(): Promise<void>;
}

export interface IndexStats {
  readonly collection: string;
  readonly points: number;
  readonly bytes: number;
  readonly from: "cache" | "database";
  readonly loadMs: number;
  /** Since the change feed was last read. */
  readonly lagMs: number;
  readonly idleMs: number;
  readonly state: "ready" | "loading";
}

/** Starts nothing yet: the thread of the index starts with the first query. `close` writes the cache files. */
export function createEmbeddedStore(options: EmbeddedStoreOptions): EmbeddedStore {
  const { database } = options;
  const catalogue = new Catalogue(database, options.notifications);
  const indexes = new Indexes(options);
  const context: StoreContext = { database, catalogue, indexes };
  return {
    driver: "embedded",
    ...collectionCalls(context),
    ...writeCalls(context),
    ...readCalls(context),

    ping: (call) =>
      inLimits(call, async () => {
        const [row] = await database.query<{ version: string }>({
          text: "select current_setting('server_version') as version",
        });
        return { version: `PostgreSQL ${row?.version}` };
      }),

    warm: (names, call) =>
      inLimits(call, async () => {
        for (const name of names) {
          const row = await catalogue.find(name);
          if (row !== undefined) await indexes.loaded(row);
        }
      }),

    stats: () => indexes.stats,

    crashIndex: () => indexes.client.terminate(),

    async close() {
      catalogue.close();
      await indexes.close().catch((error: unknown) => {
        throw toVectorStoreError(error);
      });
    },
  };
}

/** The Qdrant driver of the vector store, for version 1.10 (its universal query API) or later. */
import type { VectorStore } from "../../../core/ports/vector-store.ts";
import { aliasCalls } from "./aliases.ts";
import { collectionCalls } from "./collections.ts";
import { connectQdrant, type QdrantConnection } from "./http.ts";
import { readCalls, writeCalls } from "./point-calls.ts";
import type { BatchLimits } from "./points.ts";

export interface QdrantOptions extends QdrantConnection, BatchLimits {
  /** New collections keep int8 copies of the vectors in memory for the search. */
  readonly scalarQuantisation?: boolean;
}

/** Opens no connection yet. `close` closes the connections that are kept open. */
export function createQdrantStore(options: QdrantOptions): VectorStore {
  const client = connectQdrant(options);
  return {
    driver: "qdrant",
    ...collectionCalls(client, options),
    ...aliasCalls(client),
    ...writeCalls(client, options),
    ...readCalls(client),

    async ping(call) {
      // the first call works without a key, the second only with it
      const { version } = await client.call<{ version?: string }>("GET", "/", { options: call });
      await client.call("GET", "/collections", { options: call });
      return { version: version ?? "unknown" };
    },

    async close() {
      client.close();
    },
  };
}

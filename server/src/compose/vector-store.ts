import { join } from "node:path";
import { logIndexEvent, observeIndex } from "../adapters/vectors/embedded/metrics.ts";
import { createEmbeddedStore } from "../adapters/vectors/embedded/store.ts";
import { createQdrantStore } from "../adapters/vectors/qdrant/store.ts";
import type { Config } from "../config/schema.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Guard } from "../core/ports/guard.ts";
import type { VectorStore } from "../core/ports/vector-store.ts";
import type { ComposeOptions } from "./options.ts";

/** The configured store. @throws Error when it is Qdrant and its URL is missing */
export function openVectorStore(
  { config, logger, metrics }: ComposeOptions,
  shared: {
    readonly database: Database;
    readonly notifications: Notifications;
    readonly guard: (name: string) => Guard;
  },
): VectorStore {
  const { vectors, data_dir: dataDir } = config();
  if (vectors.driver === "qdrant") return openQdrant(vectors, shared.guard("vector_store"));
  const store = createEmbeddedStore({
    database: shared.database,
    notifications: shared.notifications,
    cacheFolder: join(dataDir, "cache", "vectors"),
    memoryLimitBytes: vectors.memory_mib * 1024 * 1024,
    onEvent: (event) => logIndexEvent(logger, event),
  });
  observeIndex(metrics, store);
  return store;
}

export function openQdrant({ qdrant, timeout_ms }: Config["vectors"], guard: Guard): VectorStore {
  if (qdrant.url === null) {
    throw new Error("vectors.driver is qdrant, but vectors.qdrant.url is not set");
  }
  return createQdrantStore({
    url: qdrant.url,
    ...(qdrant.api_key === null ? {} : { apiKey: qdrant.api_key }),
    scalarQuantisation: qdrant.quantisation,
    timeoutMs: timeout_ms,
    guard,
  });
}

/** Similar products, search and recommendations: the vector store, the embedders, and their routes. */
import { join } from "node:path";
import { fold } from "../adapters/embeddings/embedders.ts";
import { createEmbeddedStore, type EmbeddedStore } from "../adapters/vectors/embedded/store.ts";
import { createQdrantStore } from "../adapters/vectors/qdrant/store.ts";
import type { Config } from "../config/schema.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Guard } from "../core/ports/guard.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Metrics } from "../core/ports/metrics.ts";
import type { Route } from "../core/ports/route.ts";
import type { VectorStore } from "../core/ports/vector-store.ts";
import type { Check } from "../parts/health/health-routes.ts";
import { createModelDirectory } from "../parts/search/model-directory.ts";
import { searchRoutes } from "../parts/search/routes.ts";
import { Searcher } from "../parts/search/searcher.ts";
import { openEmbedderShelf } from "./embedders.ts";
import type { ComposeOptions } from "./options.ts";

export interface SearchParts {
  readonly routes: readonly Route[];
  readonly checks: Readonly<Record<string, Check>>;
  /** Loads the index of the live model, so that the first question does not wait for it. */
  warm(): Promise<void>;
}

/** Opens nothing before the first question: the routes alone are also what the API document is made of. */
export function composeSearch(
  options: ComposeOptions,
  shared: {
    readonly database: Database;
    readonly notifications: Notifications;
    readonly guard: (name: string) => Guard;
  },
): SearchParts {
  const config = options.config();
  let opened: ReturnType<typeof open> | undefined;
  const get = () => {
    opened ??= open();
    return opened;
  };

  function open() {
    const store = openStore(options, shared);
    const shelf = openEmbedderShelf(shared.database, {
      settings: () => options.config().embeddings.http,
      guard: () => shared.guard("embedder"),
    });
    const models = createModelDirectory(shared);
    options.stack.defer(async () => {
      models.close();
      await Promise.allSettled([shelf.close(), store.close()]);
    });
    const searcher = new Searcher({
      store,
      models,
      embedders: shelf,
      timeoutMs: config.vectors.timeout_ms,
    });
    return { store, models, searcher };
  }

  const routes = searchRoutes({
    get searcher() {
      return get().searcher;
    },
    get models() {
      return get().models;
    },
    database: shared.database,
    fold,
    eventsAreKept: config.stream.events_collection,
  });
  return {
    routes,
    // by the name that the distributed store has, whichever driver answers
    checks: { qdrant: storeCheck(() => get().store) },
    async warm() {
      const { store, models } = get();
      const { collections } = await models.resolve();
      if ("warm" in store && collections.products !== undefined) {
        await (store as EmbeddedStore).warm([collections.products], { timeoutMs: warmMs });
      }
    },
  };
}

const warmMs = 60_000;
const checkTimeoutMs = 1_500;

/** The store that the configuration names. @throws Error when it names Qdrant and no address of it. */
function openStore(
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
    onEvent: (event) => logEvent(logger, event),
  });
  observeIndex(metrics, store);
  return store;
}

export function openQdrant({ qdrant, timeout_ms }: Config["vectors"], guard: Guard): VectorStore {
  if (qdrant.url === null) {
    throw new Error("vectors.driver is qdrant, and vectors.qdrant.url says no address");
  }
  return createQdrantStore({
    url: qdrant.url,
    ...(qdrant.api_key === null ? {} : { apiKey: qdrant.api_key }),
    scalarQuantisation: qdrant.quantisation,
    timeoutMs: timeout_ms,
    guard,
  });
}

function logEvent(logger: Logger, event: { readonly event: string; readonly error?: Error }): void {
  const { event: what, error, ...about } = event;
  if (error === undefined) logger.info({ ...about, what }, "vector index");
  else logger.warn({ ...about, what, err: error }, "vector index");
}

function storeCheck(store: () => VectorStore): Check {
  return async () => {
    const started = performance.now();
    try {
      const { version } = await store().ping({ timeoutMs: checkTimeoutMs });
      return {
        status: "ok",
        ms: Math.round((performance.now() - started) * 100) / 100,
        facts: { driver: store().driver, version },
      };
    } catch (error) {
      return {
        status: "degraded",
        detail: "the vector store does not answer; points wait in PostgreSQL and are copied later",
        facts: { reason: error instanceof Error ? error.message : String(error) },
      };
    }
  };
}

function observeIndex(metrics: Metrics, store: EmbeddedStore): void {
  const labels = ["collection"];
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels });
  const points = gauge("weir_index_points", "Points of the index in memory");
  const bytes = gauge("weir_index_bytes", "Memory of the index");
  const lag = gauge("weir_index_lag_seconds", "Time since the index last read what changed");
  const load = gauge("weir_index_load_seconds", "Time that loading the index took");
  metrics.onCollect(async () => {
    for (const metric of [points, bytes, lag, load]) metric.reset();
    for (const { collection, ...stats } of store.stats()) {
      points.set({ collection }, stats.points);
      bytes.set({ collection }, stats.bytes);
      lag.set({ collection }, stats.lagMs / 1000);
      load.set({ collection }, stats.loadMs / 1000);
    }
  });
}

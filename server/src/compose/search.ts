/** Similar products, search and recommendations: the vector store, the embedders, and their routes. */
import { fold } from "../adapters/embeddings/embedders.ts";
import type { EmbeddedStore } from "../adapters/vectors/embedded/store.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Guard } from "../core/ports/guard.ts";
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { Route } from "../core/ports/route.ts";
import { vectorStoreCheck } from "../parts/search/health.ts";
import { createModelDirectory } from "../parts/search/model-directory.ts";
import { searchRoutes } from "../parts/search/routes.ts";
import { Searcher } from "../parts/search/searcher.ts";
import { openEmbedderShelf } from "./embedders.ts";
import type { ComposeOptions } from "./options.ts";
import { openVectorStore } from "./vector-store.ts";

export interface SearchParts {
  readonly routes: readonly Route[];
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Loads the index of the live model, so that the first search does not wait for it. */
  warm(): Promise<void>;
}

interface Shared {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly guard: (name: string) => Guard;
}

const warmTimeoutMs = 60_000;

/** Opens nothing before the first search: the API document needs only the routes. */
export function composeSearch(options: ComposeOptions, shared: Shared): SearchParts {
  let opened: ReturnType<typeof openSearch> | undefined;
  const search = () => {
    opened ??= openSearch(options, shared);
    return opened;
  };
  const routes = searchRoutes({
    get searcher() {
      return search().searcher;
    },
    get models() {
      return search().models;
    },
    database: shared.database,
    fold,
    eventsAreKept: options.config().stream.events_collection,
  });
  return {
    routes,
    // named like the external store, whichever store answers
    checks: { qdrant: vectorStoreCheck(() => search().store) },
    async warm() {
      const { store, models } = search();
      const { collections } = await models.resolve();
      if ("warm" in store && collections.products !== undefined) {
        await (store as EmbeddedStore).warm([collections.products], { timeoutMs: warmTimeoutMs });
      }
    },
  };
}

function openSearch(options: ComposeOptions, shared: Shared) {
  const store = openVectorStore(options, shared);
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
    timeoutMs: options.config().vectors.timeout_ms,
  });
  return { store, models, searcher };
}

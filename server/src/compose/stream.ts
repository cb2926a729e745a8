/** The process that computes the points of products and users: stream, models, dead letters, sync. */
import { hostname } from "node:os";
import { fold } from "../adapters/embeddings/embedders.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { observeSync } from "../adapters/vectors/sync/metrics.ts";
import { createVectorSync } from "../adapters/vectors/sync/sync.ts";
import type { Config } from "../config/schema.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Embedders } from "../core/ports/embedder.ts";
import type { Guard } from "../core/ports/guard.ts";
import type { Part } from "../core/ports/part.ts";
import {
  defaultEventTypeMapping,
  mergeEventTypeMappings,
  syncEventTypeMapping,
} from "../parts/etl/event-types.ts";
import { createPageReader } from "../parts/log/page-reader.ts";
import { collections } from "../parts/models/collections.ts";
import { createReplayer } from "../parts/stream/dead-letters.ts";
import { observeStream } from "../parts/stream/metrics.ts";
import { createRefresh } from "../parts/stream/points/refresh.ts";
import { createStream } from "../parts/stream/stream.ts";
import { createProcessor } from "../parts/stream/write/processor.ts";
import { openConnections, untilDatabaseAnswers } from "../process/databases.ts";
import { composeDlqPart } from "./dlq.ts";
import { openEmbedderShelf } from "./embedders.ts";
import { composeModels } from "./models.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { composeResilience } from "./resilience.ts";
import { composePausable } from "./storage.ts";
import { interestSettings } from "./user-history.ts";
import { openQdrant } from "./vector-store.ts";

interface Shared {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly embedders: Embedders;
  /** Names this process in leases and metrics. */
  readonly owner: string;
}

export const compose: Compose = async (options) => {
  const { config, logger, metrics, stack } = options;
  const { database, notifications } = openDatabase(options);
  const observer = observeStream(metrics);
  const resilience = composeResilience(options);
  const embedders = openEmbedderShelf(database, {
    settings: () => config().embeddings.http,
    guard: () => resilience.guard("embedder"),
  });
  stack.defer(() => embedders.close());
  // stream and ETL must agree on the meaning of event types, whichever starts first
  await untilDatabaseAnswers(logger, () => syncEventTypes(database, config()));

  const owner = `${hostname()}/${process.pid}`;
  const shared = { database, notifications, embedders, owner };
  const parts = [
    ...composeStreamParts(options, { shared, observer }),
    composeModels(options, shared),
    ...composeSync(options, { ...shared, guard: resilience.guard }),
  ];
  stack.defer(publishMetrics(database, metrics));
  return { parts: composePausable(options, parts), counters: observer.counters };
};

function openDatabase({ config, urls, logger, stack, outage }: ComposeOptions) {
  const { stream, dlq } = config();
  const { pool, notifications } = openConnections({ stack, logger, outage });
  return {
    database: pool({
      url: urls.app,
      applicationName: "weir stream",
      max: stream.workers + dlq.workers + 4,
      statementTimeoutMs: 120_000,
      // pages lost in a crash are read again, so a commit need not wait for the disk
      settings: { synchronous_commit: "off" },
    }),
    notifications: notifications(urls.app, "weir stream notifications"),
  };
}

function syncEventTypes(database: Database, { etl }: Config) {
  return syncEventTypeMapping(
    database,
    mergeEventTypeMappings(defaultEventTypeMapping, etl.event_types),
  );
}

/** The pages of the raw log, the refresh of points that change later, and the replay of dead letters. */
function composeStreamParts(
  options: ComposeOptions,
  {
    shared: { database, notifications, embedders, owner },
    observer,
  }: { readonly shared: Shared; readonly observer: ReturnType<typeof observeStream> },
): readonly Part[] {
  const { config, logger } = options;
  const { stream } = config();
  const steps = { documents: stream.events_collection };
  const processor = createProcessor({
    database,
    collections,
    embedders,
    interest: () => interestSettings(config()),
    fold,
    onEmbedded: observer.embedded,
  });
  return [
    createStream({
      database,
      notifications,
      pages: createPageReader(database, "stream"),
      processor,
      owner,
      workers: stream.workers,
      pageEvents: stream.page_events,
      intervalMs: stream.interval_ms,
      steps,
      onPage: observer.page,
      onError: (error) => logger.error({ err: error }, "stream"),
    }),
    createRefresh({
      database,
      collections,
      intervalMs: stream.refresh_ms,
      onRound: observer.refreshed,
      onError: (error) => logger.error({ err: error }, "points"),
    }),
    composeDlqPart(options, {
      database,
      notifications,
      replayers: [createReplayer(processor, steps)],
    }),
  ];
}

/** Copies points to Qdrant when it is the configured store. */
function composeSync(
  { config, logger, metrics, stack }: ComposeOptions,
  {
    database,
    notifications,
    guard,
  }: Pick<Shared, "database" | "notifications"> & { readonly guard: (name: string) => Guard },
): readonly Part[] {
  const { vectors } = config();
  if (vectors.driver !== "qdrant") return [];
  const store = openQdrant(vectors, guard("vector_store"));
  stack.defer(() => store.close());
  const sync = createVectorSync({
    database,
    notifications,
    store,
    onError: (error) => logger.warn({ err: error }, "vector sync failed and will be retried"),
  });
  observeSync(metrics, sync);
  return [sync];
}

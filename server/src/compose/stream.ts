/** The process that makes vectors of products: pages of the log, models, and what could not be processed. */
import { hostname } from "node:os";
import { fold } from "../adapters/embeddings/embedders.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { createVectorSync, type VectorSync } from "../adapters/vectors/sync/sync.ts";
import type { Metrics } from "../core/ports/metrics.ts";
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
import type { Compose } from "./options.ts";
import { composeResilience } from "./resilience.ts";
import { openQdrant } from "./search.ts";

function observeSync(metrics: Metrics, sync: VectorSync): void {
  const labels = ["collection"];
  const points = metrics.gauge({
    name: "weir_sync_waiting_points",
    help: "Points in PostgreSQL that the vector store does not have yet",
    labels,
  });
  const seconds = metrics.gauge({
    name: "weir_sync_lag_seconds",
    help: "Time since the vector store last had every point; 0 while it has",
    labels,
  });
  metrics.onCollect(async () => {
    for (const lag of await sync.stats().catch(() => [])) {
      points.set({ collection: lag.collection }, lag.lagPoints);
      seconds.set({ collection: lag.collection }, lag.lagSeconds);
    }
  });
}

const dayMs = 86_400_000;

export const compose: Compose = async (options) => {
  const { urls, logger, metrics } = options;
  const config = options.config();
  const { pool, notifications } = openConnections(options.stack, logger);
  const database = pool({
    url: urls.app,
    applicationName: "weir stream",
    max: config.stream.workers + config.dlq.workers + 4,
    statementTimeoutMs: 120_000,
    // what a crash takes back the cursor reads again, so nobody waits for the disk
    settings: { synchronous_commit: "off" },
  });
  const listener = notifications(urls.app, "weir stream notifications");
  const observer = observeStream(metrics);
  const resilience = composeResilience(options);
  const shelf = openEmbedderShelf(database, {
    settings: () => options.config().embeddings.http,
    guard: () => resilience.guard("embedder"),
  });
  options.stack.defer(() => shelf.close());

  // the same meaning of event types as the windows have, whoever starts first
  await untilDatabaseAnswers(logger, () =>
    syncEventTypeMapping(
      database,
      mergeEventTypeMappings(defaultEventTypeMapping, config.etl.event_types),
    ),
  );
  const processor = createProcessor({
    database,
    collections,
    embedders: shelf,
    interest: () => {
      const { half_life_days, ...weights } = options.config().stream.interest;
      return { ...weights, halfLifeMs: half_life_days * dayMs };
    },
    fold,
    onEmbedded: observer.embedded,
  });
  const owner = `${hostname()}/${process.pid}`;
  const { events_collection: documents } = config.stream;
  const parts: Part[] = [
    createStream({
      database,
      notifications: listener,
      pages: createPageReader(database, "stream"),
      processor,
      owner,
      workers: config.stream.workers,
      pageEvents: config.stream.page_events,
      intervalMs: config.stream.interval_ms,
      steps: { documents },
      onPage: observer.page,
      onError: (error) => logger.error({ err: error }, "stream"),
    }),
    createRefresh({
      database,
      collections,
      intervalMs: config.stream.refresh_ms,
      onRound: observer.refreshed,
      onError: (error) => logger.error({ err: error }, "points"),
    }),
    composeModels(options, { database, notifications: listener, embedders: shelf, owner }),
  ];
  parts.push(
    composeDlqPart(options, {
      database,
      notifications: listener,
      replayers: [createReplayer(processor, { documents })],
    }),
  );
  if (config.vectors.driver === "qdrant") {
    const store = openQdrant(config.vectors, resilience.guard("vector_store"));
    options.stack.defer(() => store.close());
    const sync = createVectorSync({
      database,
      notifications: listener,
      store,
      onError: (error) => logger.warn({ err: error }, "vector sync failed, will retry"),
    });
    observeSync(metrics, sync);
    parts.push(sync);
  }
  options.stack.defer(publishMetrics(database, `stream ${owner}`, metrics));
  return { parts, counters: observer.counters };
};

/** The part `models`, with what the stream provides to it. */
import { coldStartModel, fitLsa } from "../adapters/embeddings/embedders.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Embedders } from "../core/ports/embedder.ts";
import type { Part } from "../core/ports/part.ts";
import { createLogScan } from "../parts/log/scan.ts";
import { collections } from "../parts/models/collections.ts";
import { createModels } from "../parts/models/models.ts";
import { createCorpus } from "../parts/stream/fill/corpus.ts";
import { createPointSource } from "../parts/stream/fill/point-source.ts";
import type { ComposeOptions } from "./options.ts";

export function composeModels(
  { config, logger }: ComposeOptions,
  shared: {
    readonly database: Database;
    readonly notifications: Notifications;
    readonly embedders: Embedders;
    readonly owner: string;
  },
): Part {
  const { embeddings, stream } = config();
  const { dimension } = embeddings;
  const { database, embedders } = shared;
  return createModels({
    ...shared,
    maker: {
      coldStart: async () => coldStartModel(new Date(), dimension),
      fit: (texts, signal) => fitLsa(texts, { dimension, created: new Date(), signal }),
    },
    corpus: createCorpus(database),
    source: createPointSource({
      database,
      log: createLogScan(database),
      collections,
      embedders,
      eventDays: stream.events_days,
    }),
    eventsCollection: stream.events_collection,
    onEvent: (event) => logger.info({ ...event }, "models"),
    onError: (error) => logger.error({ err: error }, "models"),
  });
}

/**
 * Everything that a model's collections can be filled with: the products, users and events of which the
 * stream keeps points. The part `models` decides when; it declares this as its port `PointSource`.
 */
import type { Collections, ModelCollections, Purpose } from "../../../core/ports/collections.ts";
import type { Database } from "../../../core/ports/database.ts";
import type { Embedders } from "../../../core/ports/embedder.ts";
import type { LogScan } from "../../../core/ports/log.ts";
import { createTextEmbedder } from "../embed/embed-texts.ts";
import { dropOldEvents, oldestEvent } from "./event-retention.ts";
import { fillEvents } from "./fill-events.ts";
import { fillProducts } from "./fill-products.ts";
import { fillUsers } from "./fill-users.ts";
import { removeStrayPoints } from "./stray-points.ts";

export interface PointSourceOptions {
  readonly database: Database;
  readonly log: LogScan;
  readonly collections: Collections;
  readonly embedders: Embedders;
  /** Longest that an event's point is kept, in days since its receipt. */
  readonly eventDays: number;
}

export function createPointSource({
  database,
  log,
  collections,
  embedders,
  eventDays,
}: PointSourceOptions) {
  const oldest = () => oldestEvent(database, eventDays);

  async function* fill(
    purpose: Purpose,
    model: ModelCollections,
    signal: AbortSignal,
  ): AsyncGenerator<void> {
    const collection = model.collections[purpose];
    if (collection === undefined) return;
    const common = { database, collections, model, collection, signal };
    if (purpose === "users") {
      yield* fillUsers(common);
    } else {
      const opened = await embedders.open(model.modelId);
      const embedder = createTextEmbedder(database, opened, { texts: purpose });
      if (purpose === "products") yield* fillProducts({ ...common, embedder });
      else yield* fillEvents({ ...common, log, embedder, oldest: await oldest() });
    }
    if (purpose === "events") return;
    await removeStrayPoints({ database, collections }, collection, purpose);
    yield;
  }

  return {
    /**
     * Writes all points of one purpose into the model's collection, in short transactions; yields after each.
     * Changes made meanwhile are written by the workers of the stream, which know the collection.
     */
    fill,
    /** Deletes the points of events that have left the log or are too old; yields after each transaction. */
    async *dropOldEvents(signal: AbortSignal): AsyncGenerator<number> {
      yield* dropOldEvents(database, { oldest: await oldest(), signal });
    },
  };
}

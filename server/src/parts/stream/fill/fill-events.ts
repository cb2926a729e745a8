/** Fills a model's collection `events` from the raw log, a page at a time. */
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { LogScan, ScanRange } from "../../../core/ports/log.ts";
import type { TextEmbedder } from "../embed/embed-texts.ts";
import { takeSteps } from "../steps/steps.ts";
import {
  type DocumentedEvent,
  documented,
  textsOfEvents,
  writeEvents,
} from "../write/write-events.ts";
import type { FillOptions } from "./fill-products.ts";

export interface FillEventsOptions extends FillOptions {
  readonly model: ModelCollections;
  readonly embedder: TextEmbedder;
  readonly log: LogScan;
  /** Events received before are left out; milliseconds since 1970. */
  readonly oldest: number;
}

/** Small, so that workers do not wait long for a page's locks. */
const pageEvents = 500;

/**
 * Yields after each page. Events that are committed by now are found here; later ones are written by the workers,
 * which know the collection. An event that both write is one point. An event that cannot become a document (its
 * payload cannot be read, the embedder refuses its text) is left out: the stream makes a dead letter of it.
 */
export async function* fillEvents(
  options: Omit<FillEventsOptions, "collection">,
): AsyncGenerator<void> {
  const { database, log, collections, model, embedder, signal } = options;
  const receivedFrom = new Date(options.oldest);
  for (let after: ScanRange | undefined; ; ) {
    signal.throwIfAborted();
    const page = await log.next(after, { receivedFrom, maxEvents: pageEvents });
    if (page === undefined) return;
    const events = documented(
      page.events.flatMap((event) => {
        const outcome = takeSteps(event, { documents: true });
        return outcome.kind === "ok" ? [outcome.value] : [];
      }),
    );
    const { vectors } = await embedder.embed(textsOfEvents(events), signal);
    await database.transaction(async (connection) => {
      await collections.lock(connection);
      // erasure removes events first, and their points afterwards
      const present = new Set((await log.names(connection, page.range)).map(keyOf));
      const left = events.filter((event) => present.has(keyOf(event.name)));
      await writeEvents(connection, left, { model, vectors });
    });
    await database.query({ text: "select pg_notify('weir_points', '')" });
    after = page.range;
    yield;
  }
}

function keyOf({ serviceId, eventId }: Pick<DocumentedEvent["name"], "serviceId" | "eventId">) {
  return `${serviceId}/${eventId}`;
}

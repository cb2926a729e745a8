/** The part of a page's work that needs no lock: which events can be written, with the vectors of their texts. */
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { EventName } from "../../../core/ports/log.ts";
import type { PageEmbedder, PageVectors } from "../embed/page-embedder.ts";
import type { DeadReason, ProductEvent } from "../steps/steps.ts";
import type { KnownTexts } from "./known-texts.ts";
import { documented, textsOfEvents } from "./write-events.ts";

export interface DeadEvent {
  readonly name: EventName;
  readonly reason: DeadReason;
  readonly error: string;
}

export interface PreparedPage {
  readonly events: readonly ProductEvent[];
  readonly models: readonly ModelCollections[];
  readonly vectors: PageVectors;
  readonly dead: readonly DeadEvent[];
}

export async function preparePage(
  { known, embedder }: { readonly known: KnownTexts; readonly embedder: PageEmbedder },
  page: {
    readonly events: readonly ProductEvent[];
    readonly models: readonly ModelCollections[];
  },
  signal: AbortSignal,
): Promise<PreparedPage> {
  const { events, models } = page;
  known.follow(models);
  const texts = {
    products: unknownTexts(events, known),
    events: textsOfEvents(documented(events)),
  };
  const vectors = await embedder.embed(models, texts, signal);
  const { refused } = vectors;
  if (refused.size === 0) return { events, models, vectors, dead: [] };
  const dead = events.flatMap((event): DeadEvent[] => {
    const error = refusalOf(event, refused);
    return error === undefined ? [] : [{ name: event.name, reason: "embedding_refused", error }];
  });
  const isDead = new Set(dead.map(({ name }) => name));
  return { events: events.filter(({ name }) => !isDead.has(name)), models, vectors, dead };
}

/**
 * Every text, not only the newest of each product: an event may turn out to be poison, and then the text of
 * another event counts.
 */
function unknownTexts(events: readonly ProductEvent[], known: KnownTexts): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { products } of events) {
    for (const { pointId, described } of products) {
      if (described !== undefined && !known.has(pointId, described.hash)) {
        texts.set(described.hash, described.text);
      }
    }
  }
  return texts;
}

function refusalOf(
  { products, document }: ProductEvent,
  refused: ReadonlyMap<string, string>,
): string | undefined {
  return [...products.map(({ described }) => described), document]
    .map((text) => text && refused.get(text.hash))
    .find((found) => found !== undefined);
}

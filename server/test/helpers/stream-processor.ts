import { fold } from "../../src/adapters/embeddings/embedders.ts";
import type { Database } from "../../src/core/ports/database.ts";
import { collections } from "../../src/parts/models/collections.ts";
import type { EmbedderShelf } from "../../src/parts/models/embedder-shelf.ts";
import { createProcessor, type Processor } from "../../src/parts/stream/write/processor.ts";

/** Wraps each call of an embedder: checks the texts, fails, or calls `embed`. */
export type AroundEmbed = (
  texts: readonly string[],
  embed: () => Promise<Float32Array[]>,
) => Promise<Float32Array[]>;

/** As Weir composes it, with the weights that the oracles count with. */
export function createTestProcessor(
  database: Database,
  shelf: EmbedderShelf,
  around: AroundEmbed = (_texts, embed) => embed(),
): Processor {
  return createProcessor({
    database,
    collections,
    embedders: {
      async open(modelId) {
        const embedder = await shelf.open(modelId);
        return {
          ...embedder,
          embed: (texts, signal) => around(texts, () => embedder.embed(texts, signal)),
        };
      },
    },
    interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 }),
    fold,
  });
}

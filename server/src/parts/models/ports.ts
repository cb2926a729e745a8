/** What the part needs from others; compose/ passes it in. */
import type { ModelCollections, Purpose } from "../../core/ports/collections.ts";
import type { Embedder } from "../../core/ports/embedder.ts";

/** A model file and its name. */
export interface MadeModel {
  readonly id: string;
  readonly dimension: number;
  readonly file: Uint8Array;
}

export interface ModelMaker {
  /** Serves before a corpus exists. */
  coldStart(): Promise<MadeModel>;
  /** In a worker thread, as it takes seconds. */
  fit(texts: readonly string[], signal: AbortSignal): Promise<MadeModel>;
}

/** The texts that models are fitted to. */
export interface Corpus {
  count(): Promise<number>;
  /** At most `limit` texts. */
  read(limit: number): Promise<readonly string[]>;
}

/** What collections are filled with. Both work in short transactions, and yield after each. */
export interface PointSource {
  /**
   * Writes all points of one purpose into the model's collection. Users need the products' points. Nothing when
   * the model has no such collection.
   */
  fill(purpose: Purpose, model: ModelCollections, signal: AbortSignal): AsyncIterable<unknown>;
  /** Deletes the points of events that have left the log or are too old. */
  dropOldEvents(signal: AbortSignal): AsyncIterable<unknown>;
}

/** A model as vectors.models describes it. */
export type StoredModel =
  | { readonly kind: "random-projection" | "lsa"; readonly file: Uint8Array }
  | {
      readonly kind: "transformer" | "http";
      readonly settings: Readonly<Record<string, unknown>>;
    };

/** Opens the embedder of a stored model. Rejects with `EmbeddingError` when it is unavailable. */
export type CreateEmbedder = (model: StoredModel) => Promise<Embedder>;

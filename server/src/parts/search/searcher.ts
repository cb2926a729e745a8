/** Queries the vector store: with one model and its own collections, never with those of another. */
import type { SearchSource } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Purpose } from "../../core/ports/collections.ts";
import { type Embedders, EmbeddingError } from "../../core/ports/embedder.ts";
import { BreakerOpenError } from "../../core/ports/guard.ts";
import {
  type CollectionInfo,
  type Filter,
  type ScoredPoint,
  type StoredPoint,
  type VectorStore,
  VectorStoreError,
} from "../../core/ports/vector-store.ts";
import type { KnownModel, ModelDirectory } from "./model-directory.ts";

export interface SearcherOptions {
  readonly store: VectorStore;
  readonly models: ModelDirectory;
  readonly embedders: Embedders;
  readonly timeoutMs: number;
}

/** A model and one of its collections: the whole answer comes from them. */
export interface Target {
  readonly model: KnownModel;
  readonly collection: string;
  /** False: the collection was added a moment ago, and older points are still being written. */
  readonly isFilled: boolean;
}

export interface NearestQuestion {
  readonly vector: Float32Array;
  readonly limit: number;
  readonly filter?: Filter | undefined;
  /** Points that score no more than this are left out. */
  readonly threshold?: number | undefined;
}

const infoMs = 1_000;

export class Searcher {
  readonly #options: SearcherOptions;
  readonly #infos = new Map<string, { readonly info: CollectionInfo; readonly at: number }>();

  constructor(options: SearcherOptions) {
    this.#options = options;
  }

  get store(): VectorStore {
    return this.#options.store;
  }

  async target(purpose: Purpose, modelId?: string): Promise<Target> {
    const model = await this.#options.models.resolve(modelId);
    const collection = model.collections[purpose];
    if (collection === undefined) {
      throw new WeirError("not_found", {
        detail: `the model ${model.id} has no collection for ${purpose}`,
      });
    }
    return { model, collection, isFilled: !model.filling.includes(purpose) };
  }

  async embed({ model }: Target, text: string, signal: AbortSignal): Promise<Float32Array> {
    return withProblems(signal, async () => {
      const embedder = await this.#options.embedders.open(model.id);
      const [vector] = await embedder.embed([text], signal);
      if (vector === undefined)
        throw new EmbeddingError("the embedder returned no vector", { retryable: true });
      return vector;
    });
  }

  /** Every call has a time limit and the request's signal; failures become a `WeirError`. */
  ask<T>(
    signal: AbortSignal,
    work: (store: VectorStore, options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const { store, timeoutMs } = this.#options;
    return withProblems(signal, () => work(store, { signal, timeoutMs }));
  }

  /** The points nearest to a vector, with payloads, best first. */
  nearest(
    { collection }: Target,
    { vector, limit, filter, threshold }: NearestQuestion,
    signal: AbortSignal,
  ): Promise<ScoredPoint[]> {
    const query = {
      vector,
      limit,
      with_payload: true,
      ...(filter === undefined ? {} : { filter }),
      ...(threshold === undefined ? {} : { score_threshold: threshold }),
    };
    return this.ask(signal, (store, options) => store.query(collection, query, options));
  }

  /** Points by their ids, with payloads and vectors; unknown ones are left out. */
  retrieve(
    { collection }: Target,
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<StoredPoint[]> {
    const content = { with_payload: true, with_vector: true };
    return this.ask(signal, (store, options) =>
      store.retrieve(collection, ids, { ...options, ...content }),
    );
  }

  async source(
    { model, collection, isFilled }: Target,
    signal: AbortSignal,
  ): Promise<SearchSource> {
    const info = await this.#info(collection, signal);
    return {
      model: {
        id: model.id,
        kind: model.kind,
        dimension: model.dimension,
        corpus_texts: model.corpusTexts,
        live_at: model.liveAt?.toISOString() ?? null,
      },
      index: {
        driver: this.#options.store.driver,
        collection,
        points: info?.points ?? 0,
        state: isFilled ? (info?.state ?? "loading") : "loading",
      },
    };
  }

  /** Counting points costs as much as a query, and the number may be a second old. */
  async #info(collection: string, signal: AbortSignal): Promise<CollectionInfo | undefined> {
    const kept = this.#infos.get(collection);
    if (kept !== undefined && performance.now() - kept.at < infoMs) return kept.info;
    const info = await this.ask(signal, (store, options) => store.collection(collection, options));
    if (this.#infos.size > 16) this.#infos.clear();
    if (info !== undefined) this.#infos.set(collection, { info, at: performance.now() });
    return info;
  }
}

/** The vector of a text without a single known n-gram: it is similar to nothing. */
export function isZero(vector: Float32Array): boolean {
  return vector.every((value) => value === 0);
}

/** Failures of the store or the embedder that a client can wait out become `search_unavailable`. */
async function withProblems<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof BreakerOpenError) {
      throw new WeirError("search_unavailable", {
        detail: error.message,
        retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000),
        cause: error,
      });
    }
    const isStore = error instanceof VectorStoreError;
    if (isStore && error.code === "not_found") {
      throw new WeirError("search_unavailable", {
        detail: "the collection does not exist yet; it is created with the first product",
        retryAfterSeconds: 1,
        cause: error,
      });
    }
    if (isStore && error.code === "over_limit") {
      throw new WeirError("search_unavailable", {
        detail: error.message,
        retryAfterSeconds: 60,
        cause: error,
      });
    }
    if ((isStore || error instanceof EmbeddingError) && error.retryable) {
      const what = isStore ? "the vector store" : "the embedder";
      throw new WeirError("search_unavailable", {
        detail: `${what} does not answer; nothing is lost, and Weir catches up once it is back`,
        retryAfterSeconds: 2,
        cause: error,
      });
    }
    throw error;
  }
}

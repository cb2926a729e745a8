/** Asks the vector store: with one model, its own collections, and nothing of another. */
import type { FoundProduct, SearchFilter, SearchSource } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Embedder } from "../../core/ports/embedder.ts";
import { EmbeddingError } from "../../core/ports/embedder.ts";
import { BreakerOpenError } from "../../core/ports/guard.ts";
import {
  type CollectionInfo,
  type Condition,
  type Filter,
  type Payload,
  type StoredPoint,
  type VectorStore,
  VectorStoreError,
} from "../../core/ports/vector-store.ts";
import type { KnownModel, ModelDirectory, Purpose } from "./model-directory.ts";
import type { Embedders } from "./ports.ts";

export interface SearcherOptions {
  readonly store: VectorStore;
  readonly models: ModelDirectory;
  readonly embedders: Embedders;
  readonly timeoutMs: number;
}

/** A model and one of its collections: everything of one answer comes from them. */
export interface Target {
  readonly model: KnownModel;
  readonly collection: string;
  /** False: it was added a moment ago, and what is older than that is still on its way. */
  readonly isFilled: boolean;
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
        detail: `the model ${model.id} keeps no ${purpose}`,
      });
    }
    return { model, collection, isFilled: !model.filling.includes(purpose) };
  }

  async embed({ model }: Target, text: string, signal: AbortSignal): Promise<Float32Array> {
    return answering(signal, async () => {
      const embedder: Embedder = await this.#options.embedders.open(model.id);
      const [vector] = await embedder.embed([text], signal);
      if (vector === undefined)
        throw new EmbeddingError("no vector came back", { retryable: true });
      return vector;
    });
  }

  /** Time limit and abort of every call, and errors in Weir's words. */
  ask<T>(
    signal: AbortSignal,
    work: (store: VectorStore, options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const { store, timeoutMs } = this.#options;
    return answering(signal, () => work(store, { signal, timeoutMs }));
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

  /** Counting points costs as much as a query, and a second says the same. */
  async #info(collection: string, signal: AbortSignal): Promise<CollectionInfo | undefined> {
    const kept = this.#infos.get(collection);
    if (kept !== undefined && performance.now() - kept.at < infoMs) return kept.info;
    const info = await this.ask(signal, (store, options) => store.collection(collection, options));
    if (this.#infos.size > 16) this.#infos.clear();
    if (info !== undefined) this.#infos.set(collection, { info, at: performance.now() });
    return info;
  }
}

async function answering<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
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
        detail: "the collection is not there yet; it is made when the first product comes",
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

export function filterOf(
  wanted: SearchFilter | undefined,
  without: readonly string[] = [],
): Filter | undefined {
  const must: Condition[] = [];
  if (wanted?.category !== undefined)
    must.push({ key: "category", match: { any: wanted.category } });
  if (wanted?.currency !== undefined) {
    must.push({ key: "currency", match: { value: wanted.currency.toUpperCase() } });
  }
  const price = wanted?.price;
  // a range without bounds would let only those through that have a price
  if (price?.gte !== undefined || price?.lte !== undefined) {
    must.push({ key: "price", range: price });
  }
  if (must.length === 0 && without.length === 0) return undefined;
  return {
    ...(must.length === 0 ? {} : { must }),
    ...(without.length === 0 ? {} : { must_not: [{ has_id: without }] }),
  };
}

export function productOf(point: StoredPoint, score: number): FoundProduct {
  const payload: Payload = point.payload ?? {};
  const text = (name: string) => {
    const value = payload[name];
    return typeof value === "string" ? value : null;
  };
  const price = payload["price"];
  return {
    product_id: text("product_id") ?? point.id,
    score: Math.round(score * 1e6) / 1e6,
    name: text("name"),
    category: text("category"),
    price: typeof price === "number" ? price : null,
    currency: text("currency"),
    first_seen: text("first_seen"),
    last_seen: text("last_seen"),
    counts: (payload["counts"] ?? {}) as Record<string, number>,
  };
}

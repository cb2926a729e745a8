/** Vectors of a page's texts by every model. */
import { messageOf } from "../../../core/errors.ts";
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { Database } from "../../../core/ports/database.ts";
import { type Embedders, EmbeddingError } from "../../../core/ports/embedder.ts";
import { createTextEmbedder, type EmbedCounts, type TextEmbedder } from "./embed-texts.ts";

/** Texts by hex content hash. */
export interface PageTexts {
  readonly products: ReadonlyMap<string, string>;
  readonly events: ReadonlyMap<string, string>;
}

/** Vectors of texts, by model and hex content hash. */
export type VectorsByModel = ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;

export interface PageVectors {
  readonly products: VectorsByModel;
  readonly events: VectorsByModel;
  /** Why a text has no vector, by hash. */
  readonly refused: ReadonlyMap<string, string>;
  /** Models that are left out, and why. */
  readonly aside: ReadonlyMap<string, string>;
}

export interface PageEmbedderOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  readonly onEmbedded?: ((counts: EmbedCounts) => void) | undefined;
  /** How long a page waits for the embedder of a model that does not answer queries; default 10 s. */
  readonly sidePatienceMs?: number | undefined;
}

/** Separate, so that the many texts of events do not push the few of products out of memory. */
interface ModelEmbedders {
  readonly products: TextEmbedder;
  readonly events: TextEmbedder;
}

const defaultSidePatienceMs = 10_000;
/** A model that was left out is not tried again for this long; it is filled again in any case. */
const leftOutMs = 30_000;

export class PageEmbedder {
  readonly #options: PageEmbedderOptions;
  readonly #sidePatienceMs: number;
  readonly #opened = new Map<string, Promise<ModelEmbedders>>();
  /** Models that were left out lately: until when, and why. */
  readonly #leftOut = new Map<string, { readonly until: number; readonly reason: string }>();

  constructor(options: PageEmbedderOptions) {
    this.#options = options;
    this.#sidePatienceMs = options.sidePatienceMs ?? defaultSidePatienceMs;
  }

  /**
   * While the embedder of the live model is unavailable the page waits. A model beside it is left out when it
   * fails, or takes too long, and is filled again later.
   * @throws EmbeddingError when the live model's embedder is unavailable.
   */
  async embed(
    models: readonly ModelCollections[],
    texts: PageTexts,
    signal: AbortSignal,
  ): Promise<PageVectors> {
    this.#closeOthers(models);
    const vectors = {
      products: new Map<string, ReadonlyMap<string, Float32Array>>(),
      events: new Map<string, ReadonlyMap<string, Float32Array>>(),
      refused: new Map<string, string>(),
      aside: new Map<string, string>(),
    };
    const hasTexts = texts.products.size > 0 || texts.events.size > 0;
    for (const model of models) {
      const { modelId, isLive } = model;
      const before = this.#leftOut.get(modelId);
      if (!isLive && hasTexts && before !== undefined && performance.now() < before.until) {
        vectors.aside.set(modelId, before.reason);
        continue;
      }
      const made = isLive
        ? await this.#embedBy(model, texts, signal)
        : await this.#embedBySide(model, texts, signal);
      if (typeof made === "string") {
        vectors.aside.set(modelId, made);
        continue;
      }
      vectors.products.set(modelId, made.products.vectors);
      if (made.events !== undefined) vectors.events.set(modelId, made.events.vectors);
      for (const [hash, error] of [...made.products.refused, ...(made.events?.refused ?? [])]) {
        vectors.refused.set(hash, `${modelId}: ${error}`);
      }
    }
    return vectors;
  }

  async #embedBy(
    { modelId, collections }: ModelCollections,
    texts: PageTexts,
    signal: AbortSignal,
  ) {
    const embedder = await this.#open(modelId);
    const products = await embedder.products.embed(texts.products, signal);
    const isEmpty = collections.events === undefined || texts.events.size === 0;
    const events = isEmpty ? undefined : await embedder.events.embed(texts.events, signal);
    return { products, events };
  }

  /** Returns why the model is left out when its embedder is unavailable or too slow. */
  async #embedBySide(model: ModelCollections, texts: PageTexts, signal: AbortSignal) {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#sidePatienceMs)]);
    try {
      return await this.#embedBy(model, texts, patience);
    } catch (error) {
      const isLate = patience.aborted && !signal.aborted;
      const isUnavailable = error instanceof EmbeddingError;
      if (signal.aborted || !(isLate || isUnavailable)) throw error;
      const reason = isUnavailable
        ? messageOf(error)
        : `no vectors within ${this.#sidePatienceMs} ms`;
      this.#leftOut.set(model.modelId, { until: performance.now() + leftOutMs, reason });
      return reason;
    }
  }

  #open(modelId: string): Promise<ModelEmbedders> {
    let opened = this.#opened.get(modelId);
    if (opened === undefined) {
      const { database, embedders, onEmbedded: observe } = this.#options;
      const observed = observe === undefined ? {} : { observe };
      opened = embedders.open(modelId).then((embedder) => ({
        products: createTextEmbedder(database, embedder, observed),
        events: createTextEmbedder(database, embedder, { ...observed, texts: "events" }),
      }));
      opened.catch(() => this.#opened.delete(modelId));
      this.#opened.set(modelId, opened);
    }
    return opened;
  }

  /** Models take tens of megabytes: those that are gone are released. */
  #closeOthers(models: readonly ModelCollections[]): void {
    for (const modelId of this.#opened.keys()) {
      if (!models.some((model) => model.modelId === modelId)) this.#opened.delete(modelId);
    }
  }
}

/** The port `embedder`: text to unit vectors. `adapters/embeddings/` provides the drivers. */

export interface Embedder {
  /** Identifies the vectors: two embedders with the same id give the same vector for the same text. */
  readonly modelId: string;
  readonly dimension: number;
  /**
   * Embedding a text costs more than reading its vector from PostgreSQL: vectors are then stored by
   * (content hash, model) and never computed twice.
   */
  readonly worthKeeping: boolean;
  /**
   * One unit vector per text (all zeros for a text without any feature), in the given order. Rejects with
   * `EmbeddingError`; an error that is not retryable is caused by the texts, and fewer of them may
   * succeed.
   */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  close(): Promise<void>;
}

export interface Embedders {
  /**
   * The embedder of a model of vectors.models; opened once, kept while the model exists. Rejects when there is
   * no such model, or when it cannot be opened here.
   */
  open(modelId: string): Promise<Embedder>;
}

export class EmbeddingError extends Error {
  override readonly name = "EmbeddingError";
  /** The same texts may succeed later: the model is unavailable or busy. */
  readonly retryable: boolean;

  constructor(message: string, about: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, { cause: about.cause });
    this.retryable = about.retryable;
  }
}

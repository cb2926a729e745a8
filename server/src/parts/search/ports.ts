import type { Embedder } from "../../core/ports/embedder.ts";

/** Opens the embedder of a model of vectors.models; kept while it is in use. */
export interface Embedders {
  open(modelId: string): Promise<Embedder>;
}

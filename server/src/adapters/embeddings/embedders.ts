/** What compose/ uses of this adapter. */
import type { Embedder } from "../../core/ports/embedder.ts";
import type { Guard } from "../../core/ports/guard.ts";
import { createHttpEmbedder, type HttpEmbedderSettings } from "./http/http.ts";
import { createLsaEmbedder } from "./lsa/lsa.ts";
import { decodeLsaModel } from "./lsa/model.ts";
import { createTransformerEmbedder, type TransformerSettings } from "./transformer/transformer.ts";

export { fold } from "./fold.ts";
export { fitLsa } from "./lsa/fit-lsa.ts";
export type { ModelFile } from "./lsa/model.ts";
export { coldStartModel } from "./lsa/random-projection.ts";

/** A model as it is stored: its kind, and its file or its settings. */
export type StoredModel =
  | { readonly kind: "lsa" | "random-projection"; readonly file: Uint8Array }
  | { readonly kind: "transformer"; readonly settings: TransformerSettings }
  | {
      readonly kind: "http";
      readonly settings: HttpEmbedderSettings;
      /** Apart from the settings, which are stored in plain text. */
      readonly apiKey?: string;
      /** Retries, time limit and breaker of its requests. */
      readonly guard: Guard;
    };

/**
 * Opens an embedder. It keeps its model in memory, or its thread, until it is closed.
 * @throws ModelFileError when the model file is cut, changed or of another version.
 * @throws EmbeddingError when the endpoint does not answer or the transformer cannot be loaded.
 */
export async function createEmbedder(stored: StoredModel): Promise<Embedder> {
  switch (stored.kind) {
    case "http":
      return await createHttpEmbedder(stored.settings, stored);
    case "transformer":
      return await createTransformerEmbedder(stored.settings);
    default: {
      const { header, model } = decodeLsaModel(stored.file);
      return createLsaEmbedder(header.id, model);
    }
  }
}

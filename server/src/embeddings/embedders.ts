/** What composing code takes from this room. */
import type { Embedder } from "../core/embedder.ts";
import { createLsaEmbedder } from "./lsa.ts";
import { decodeLsaModel } from "./lsa-model.ts";

export { fitLsa } from "./fit-lsa.ts";
export { fold } from "./fold.ts";
export type { ModelFile } from "./lsa-model.ts";
export { coldStartModel } from "./random-projection.ts";

/** A model as it is stored: what kind it is, and its file or its settings. */
export interface StoredModel {
  readonly kind: "lsa" | "random-projection";
  readonly file: Uint8Array;
}

/** @throws ModelFileError when the model file is cut, changed or of another version. */
export function createEmbedder(stored: StoredModel): Promise<Embedder> {
  const { header, model } = decodeLsaModel(stored.file);
  return Promise.resolve(createLsaEmbedder(header.id, model));
}

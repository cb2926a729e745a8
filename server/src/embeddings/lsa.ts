/** The embedder `lsa`: TF-IDF of words and character n-grams, seen through the model's components. */
import type { Embedder } from "../core/embedder.ts";
import { fold } from "./fold.ts";
import type { LsaModel } from "./lsa-model.ts";
import { normalise } from "./normalise.ts";
import { createWordFeatures } from "./word-features.ts";

/** At 192 dimensions, 0.9 kB each; two generations of as many. */
const knownWords = 8_192;
/** Longer ones come once: keys, links, Base64. */
const longestKnownWord = 40;
/** A few milliseconds, after which others get their turn. */
const textsPerTurn = 256;

export function createLsaEmbedder(modelId: string, model: LsaModel): Embedder {
  const embedText = createLsaTransform(model);
  return {
    modelId,
    dimension: model.dimension,
    worthKeeping: false,
    async embed(texts, signal) {
      const vectors: Float32Array[] = [];
      for (const text of texts) {
        if (vectors.length > 0 && vectors.length % textsPerTurn === 0) {
          await new Promise(setImmediate);
        }
        signal?.throwIfAborted();
        vectors.push(embedText(text));
      }
      return vectors;
    },
    close: () => Promise.resolve(),
  };
}

/**
 * Text to unit vector, equal to TfidfTransformer, TruncatedSVD and Normalizer one after the other. The first's
 * own normalisation is left out: it only scales what the last one normalises. What remains is a sum over the
 * words, so each word's share is computed once and remembered.
 */
function createLsaTransform(model: LsaModel): (text: string) => Float32Array {
  const { dimension, components, idf, parameters } = model;
  const featuresOf = createWordFeatures(parameters);
  let young = new Map<string, Float32Array>();
  let old = new Map<string, Float32Array>();

  function learn(word: string): Float32Array {
    const share = new Float32Array(dimension);
    for (const feature of featuresOf(word)) {
      const weight = idf[feature] as number;
      const start = feature * dimension;
      for (let d = 0; d < dimension; d++) {
        (share[d] as number) += weight * (components[start + d] as number);
      }
    }
    return share;
  }

  function shareOf(word: string): Float32Array {
    const known = young.get(word);
    if (known !== undefined) return known;
    const share = old.get(word) ?? learn(word);
    if (word.length > longestKnownWord) return share;
    young.set(word, share);
    if (young.size >= knownWords) {
      old = young;
      young = new Map();
    }
    return share;
  }

  return (text) => {
    const vector = new Float32Array(dimension);
    const folded = fold(text);
    if (folded === "") return vector;
    for (const word of folded.split(" ")) {
      const share = shareOf(word);
      for (let d = 0; d < dimension; d++) (vector[d] as number) += share[d] as number;
    }
    return normalise(vector);
  };
}

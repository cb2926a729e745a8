/** The embedder `lsa`: TF-IDF of words and character n-grams, seen through the model's components. */
import type { Embedder } from "../core/embedder.ts";
import { fold } from "./fold.ts";
import type { LsaModel } from "./lsa-model.ts";
import { createWordFeatures } from "./word-features.ts";

/** What a word adds to a text: the same wherever it stands. */
interface KnownWord {
  readonly features: Int32Array;
  /** Sum of idf x components of its features. */
  readonly sum: Float32Array;
}

/** At 128 dimensions, 0.7 kB each; two generations of as many. */
const knownWords = 8_192;
/** Longer ones come once: keys, links, Base64. */
const longestKnownWord = 40;
/** A few milliseconds, after which others get their turn. */
const textsPerTurn = 128;

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
 * own normalisation is left out: it only scales what the last one normalises.
 */
export function createLsaTransform(model: LsaModel): (text: string) => Float32Array {
  const { dimension, components, idf, parameters } = model;
  const featuresOf = createWordFeatures(parameters);
  const counts = new Int32Array(idf.length);
  let young = new Map<string, KnownWord>();
  let old = new Map<string, KnownWord>();

  function learn(word: string): KnownWord {
    const features = featuresOf(word);
    const sum = new Float32Array(dimension);
    for (const feature of features) addRow(sum, feature, idf[feature] as number);
    return { features, sum };
  }

  function know(word: string): KnownWord {
    const known = young.get(word);
    if (known !== undefined) return known;
    const found = old.get(word) ?? learn(word);
    if (word.length > longestKnownWord) return found;
    young.set(word, found);
    if (young.size >= knownWords) {
      old = young;
      young = new Map();
    }
    return found;
  }

  function addRow(to: Float32Array, feature: number, factor: number): void {
    const start = feature * dimension;
    for (let d = 0; d < dimension; d++) {
      (to[d] as number) += factor * (components[start + d] as number);
    }
  }

  return (text) => {
    const vector = new Float32Array(dimension);
    const folded = fold(text);
    if (folded === "") return vector;
    const words = folded.split(" ").map(know);
    const repeated = new Set<number>();
    for (const { features, sum } of words) {
      for (let d = 0; d < dimension; d++) (vector[d] as number) += sum[d] as number;
      for (let at = 0; at < features.length; at++) {
        const feature = features[at] as number;
        if (++(counts[feature] as number) === 2) repeated.add(feature);
      }
    }
    if (parameters.sublinearTf) {
      // added `count` times above, and counts 1 + ln(count)
      for (const feature of repeated) {
        const count = counts[feature] as number;
        addRow(vector, feature, (1 + Math.log(count) - count) * (idf[feature] as number));
      }
    }
    for (const { features } of words) {
      for (let at = 0; at < features.length; at++) counts[features[at] as number] = 0;
    }
    return normalise(vector);
  };
}

function normalise(vector: Float32Array): Float32Array {
  let squares = 0;
  for (let d = 0; d < vector.length; d++) squares += (vector[d] as number) ** 2;
  if (squares === 0) return vector;
  const factor = 1 / Math.sqrt(squares);
  for (let d = 0; d < vector.length; d++) (vector[d] as number) *= factor;
  return vector;
}

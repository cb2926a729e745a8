/** The embedder `lsa`: TF-IDF of words and character n-grams, seen through the model's components. */
import type { Embedder } from "../../../core/ports/embedder.ts";
import { fold } from "../fold.ts";
import { normalise } from "../normalise.ts";
import { ComponentRows } from "./component-rows.ts";
import type { LsaModel } from "./model.ts";
import { createWordFeatures } from "./word-features.ts";

/** A few milliseconds, after which others get their turn. */
const textsPerTurn = 64;

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
 * words' features, each of which has a row of the components.
 */
function createLsaTransform(model: LsaModel): (text: string) => Float32Array {
  const features = createWordFeatures(model.parameters);
  const rows = new ComponentRows(model);

  return (text) => {
    rows.start();
    let count = 0;
    for (const word of fold(text).split(" ")) {
      if (word === "") continue;
      const most = features.most(word.length);
      if (count + most > rows.list.length) {
        rows.add(count);
        count = 0;
        rows.reserve(most);
      }
      count = features.write(word, rows.list, count);
    }
    rows.add(count);
    return normalise(rows.sum());
  };
}

/** Makes a model of a corpus: the work of fit-worker.ts, which takes seconds. */
import { countTexts } from "./count-texts.ts";
import type { Interruptible } from "./interruptible.ts";
import { encodeLsaModel, type ModelFile } from "./model.ts";
import { countFeatures, type LsaParameters, lsaDimension, lsaParameters } from "./parameters.ts";
import { addRandomRows } from "./random-projection.ts";
import { type SparseMatrix, type TruncatedSvd, truncatedSvd } from "./truncated-svd.ts";

export interface FitOptions {
  readonly dimension?: number;
  readonly parameters?: LsaParameters;
  readonly created: Date;
}

const seed = 1;
/** Passes of the SVD over the corpus. */
const iterations = 2;

/**
 * Chosen with bench/quality/embedder.ts; every one of them is a factor in the components, so that they remain
 * one matrix. A direction is divided by its singular value to the power `evening`: what few products share
 * counts more than it did. A random projection is added, in parts of the root mean square row: to features of
 * the corpus, as the directions do not tell every product from its neighbour; to all others, as products that
 * come later differ by them.
 */
const evening = 0.5;
const randomPart = { seen: 1, unseen: 0.3 } as const;

/** The same model for the same texts in the same order and the same options, but for `created`. */
export function* fitModel(texts: readonly string[], options: FitOptions): Interruptible<ModelFile> {
  const { dimension = lsaDimension, parameters = lsaParameters } = options;
  const { matrix, idf, inTexts } = weigh(yield* countTexts(texts, parameters));
  const svd = yield* truncatedSvd(matrix, { rank: dimension, seed, iterations });
  const components = componentsOf(svd, countFeatures(parameters), dimension);
  let squares = 0;
  for (const entry of components) squares += entry * entry;
  const seen = inTexts.reduce((count, texts) => count + Math.min(texts, 1), 0);
  // a corpus without any word has the random projection alone
  const typical = squares === 0 ? 1 : Math.sqrt(squares / seen);
  addRandomRows(
    components,
    dimension,
    (feature) => typical * (inTexts[feature] === 0 ? randomPart.unseen : randomPart.seen),
  );
  return encodeLsaModel(
    { kind: "lsa", parameters, dimension, corpusTexts: texts.length, idf, components },
    options.created,
  );
}

/** A corpus of lower rank than `dimension` leaves the last ones zero. */
function componentsOf(svd: TruncatedSvd, features: number, dimension: number): Float32Array {
  const components = new Float32Array(features * dimension);
  const strongest = svd.singularValues[0] as number;
  const factors = svd.singularValues.map((value) => (value / strongest) ** -evening);
  for (let feature = 0; feature < features; feature++) {
    for (let d = 0; d < svd.rank; d++) {
      components[feature * dimension + d] =
        (svd.rightVectors[feature * svd.rank + d] as number) * (factors[d] as number);
    }
  }
  return components;
}

/** TF-IDF, each row of length one. */
function weigh(counts: SparseMatrix): {
  matrix: SparseMatrix;
  idf: Float32Array;
  inTexts: Uint32Array;
} {
  const { columns, starts, indexes, values } = counts;
  const inTexts = new Uint32Array(columns);
  for (const feature of indexes) (inTexts[feature] as number)++;
  const rows = starts.length - 1;
  // smooth_idf: as if one more text had every feature
  const idf = Float32Array.from(inTexts, (count) => Math.log((1 + rows) / (1 + count)) + 1);
  for (let row = 0; row < rows; row++) {
    const end = starts[row + 1] as number;
    let squares = 0;
    for (let at = starts[row] as number; at < end; at++) {
      (values[at] as number) *= idf[indexes[at] as number] as number;
      squares += (values[at] as number) ** 2;
    }
    const factor = squares === 0 ? 0 : 1 / Math.sqrt(squares);
    for (let at = starts[row] as number; at < end; at++) (values[at] as number) *= factor;
  }
  return { matrix: { columns, starts, indexes, values }, idf, inTexts };
}

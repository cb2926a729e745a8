/** Makes a model of a corpus: the work of fit-worker.ts, which takes seconds. */
import { fold } from "./fold.ts";
import { encodeLsaModel, type ModelFile } from "./lsa-model.ts";
import {
  countFeatures,
  type LsaParameters,
  lsaDimension,
  lsaParameters,
} from "./lsa-parameters.ts";
import { addRandomRows } from "./random-projection.ts";
import { type SparseMatrix, truncatedSvd } from "./truncated-svd.ts";
import { createWordFeatures } from "./word-features.ts";

export interface FitOptions {
  readonly dimension?: number;
  readonly parameters?: LsaParameters;
  readonly created: Date;
  readonly seed?: number;
  /** Passes of the SVD over the corpus. */
  readonly iterations?: number;
}

/** Entries of the matrix: with 6 bytes each, 96 MB. Of a larger corpus every n-th text is taken. */
const mostEntries = 16_000_000;

/** The same model for the same texts in the same order and the same options. */
export function fitModel(texts: readonly string[], options: FitOptions): ModelFile {
  const {
    dimension = lsaDimension,
    parameters = lsaParameters,
    seed = 1,
    iterations = 5,
  } = options;
  const features = countFeatures(parameters);
  const { matrix, idf } = weigh(texts, parameters);
  const svd = truncatedSvd(matrix, { rank: dimension, seed, iterations });
  const components = new Float32Array(features * dimension);
  for (let feature = 0; feature < features; feature++) {
    for (let d = 0; d < svd.rank; d++) {
      components[feature * dimension + d] = svd.rightVectors[feature * svd.rank + d] as number;
    }
  }
  const seen = new Uint8Array(features);
  for (const feature of matrix.indexes) seen[feature] = 1;
  const typical = Math.sqrt(
    svd.rank /
      Math.max(
        1,
        seen.reduce((sum, one) => sum + one, 0),
      ),
  );
  // what the corpus never had would be invisible: products that come later differ by it
  addRandomRows(components, dimension, (feature) => (seen[feature] === 1 ? 0 : typical));
  return encodeLsaModel(
    { kind: "lsa", parameters, dimension, corpusTexts: texts.length, idf, components },
    options.created,
  );
}

/** TF-IDF, each row of length one. */
export function weigh(
  texts: readonly string[],
  parameters: LsaParameters,
): { matrix: SparseMatrix; idf: Float32Array } {
  const columns = countFeatures(parameters);
  const { starts, indexes, values } = countAll(texts, parameters);
  const inTexts = new Uint32Array(columns);
  for (const feature of indexes) (inTexts[feature] as number)++;
  const rows = starts.length - 1;
  // smooth_idf: as if one more text had every feature
  const idf = Float32Array.from(inTexts, (count) => Math.log((1 + rows) / (1 + count)) + 1);
  for (let row = 0; row < rows; row++) {
    const end = starts[row + 1] as number;
    let squares = 0;
    for (let at = starts[row] as number; at < end; at++) {
      const count = values[at] as number;
      const weight =
        (parameters.sublinearTf ? 1 + Math.log(count) : count) *
        (idf[indexes[at] as number] as number);
      values[at] = weight;
      squares += weight * weight;
    }
    const factor = squares === 0 ? 0 : 1 / Math.sqrt(squares);
    for (let at = starts[row] as number; at < end; at++) (values[at] as number) *= factor;
  }
  return { matrix: { columns, starts, indexes, values }, idf };
}

interface Counts {
  readonly starts: Uint32Array;
  readonly indexes: Uint16Array | Uint32Array;
  readonly values: Float32Array;
}

/** How often each text has each feature. */
function countAll(texts: readonly string[], parameters: LsaParameters): Counts {
  const featuresOf = createWordFeatures(parameters);
  const columns = countFeatures(parameters);
  const known = new Map<string, Int32Array>();
  const counts = new Int32Array(columns);
  const starts: number[] = [0];
  const Indexes = columns <= 65_536 ? Uint16Array : Uint32Array;
  let indexes = new Indexes(1 << 16);
  let values = new Float32Array(1 << 16);
  let entries = 0;
  for (const text of texts) {
    const present: number[] = [];
    for (const word of fold(text).split(" ")) {
      if (word === "") continue;
      let features = known.get(word);
      if (features === undefined) {
        features = featuresOf(word);
        if (word.length <= 40 && known.size < 100_000) known.set(word, features);
      }
      for (const feature of features) {
        if ((counts[feature] as number)++ === 0) present.push(feature);
      }
    }
    while (entries + present.length > indexes.length) {
      const larger = new Indexes(indexes.length * 2);
      larger.set(indexes);
      indexes = larger;
      const more = new Float32Array(values.length * 2);
      more.set(values);
      values = more;
    }
    for (const feature of present.sort((a, b) => a - b)) {
      indexes[entries] = feature;
      values[entries++] = counts[feature] as number;
      counts[feature] = 0;
    }
    starts.push(entries);
  }
  return {
    starts: Uint32Array.from(starts),
    indexes: indexes.subarray(0, entries),
    values: values.subarray(0, entries),
  };
}

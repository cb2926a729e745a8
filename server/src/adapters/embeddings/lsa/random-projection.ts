/** The model of the cold start: the same features before a corpus exists, projected at random. */

import { createRandomBits } from "../../../core/random.ts";
import { encodeLsaModel, type ModelFile } from "./model.ts";
import { countFeatures, lsaDimension, lsaParameters } from "./parameters.ts";

/** Says nothing; it was never changed. */
const seed = 20_240_101;

/**
 * Components of +1/sqrt(dimension) and -1/sqrt(dimension) (Achlioptas 2003), idf 1. The same file but for
 * `created` everywhere and always, so every process of an installation has the same model.
 */
export function coldStartModel(created: Date, dimension: number = lsaDimension): ModelFile {
  const features = countFeatures(lsaParameters);
  const components = new Float32Array(features * dimension);
  addRandomRows(components, dimension, () => 1);
  return encodeLsaModel(
    {
      kind: "random-projection",
      parameters: lsaParameters,
      dimension,
      corpusTexts: 0,
      idf: new Float32Array(features).fill(1),
      components,
    },
    created,
  );
}

/**
 * Adds the random projection to the rows of `components`, each row times its `weight`. A row depends on its
 * feature alone, so a feature that a corpus did not have keeps the row of the cold start.
 */
export function addRandomRows(
  components: Float32Array,
  dimension: number,
  weight: (feature: number) => number,
): void {
  const nextBits = createRandomBits(seed);
  const length = 1 / Math.sqrt(dimension);
  for (let start = 0; start < components.length; start += dimension) {
    const entry = weight(start / dimension) * length;
    let bits = 0;
    for (let d = 0; d < dimension; d++) {
      bits = d % 32 === 0 ? nextBits() : bits >>> 1;
      (components[start + d] as number) += (bits & 1) === 1 ? entry : -entry;
    }
  }
}

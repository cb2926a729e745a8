/** How a text becomes features, as a model file records it: everything that scikit-learn needs to reproduce it. */
export interface LsaParameters {
  /** `fold.ts` as of version 1. */
  readonly fold: "weir-fold-1";
  /** `HashingVectorizer(analyzer="word")`: its columns come first. */
  readonly word: { readonly features: number };
  /** `HashingVectorizer(analyzer="char_wb")`; n from the first to the second length. */
  readonly char: { readonly features: number; readonly lengths: readonly [number, number] };
  /**
   * `TfidfTransformer`; the other settings are `norm="l2", smooth_idf=True, use_idf=True`. Without the
   * logarithm a text's vector is a sum over what it consists of, and nothing has to be counted first: more
   * texts a second, at the same quality (bench/quality/embedder.ts).
   */
  readonly sublinearTf: false;
}

/** Of new models. The hash is murmurhash3_32 with seed 0, `alternate_sign=False`, `norm=None`. */
export const lsaParameters: LsaParameters = {
  fold: "weir-fold-1",
  word: { features: 4_096 },
  char: { features: 32_768, lengths: [2, 4] },
  sublinearTf: false,
};

export const lsaDimension = 192;

export function countFeatures(parameters: LsaParameters): number {
  return parameters.word.features + parameters.char.features;
}

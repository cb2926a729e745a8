export function similarity(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d] as number) * (b[d] as number);
  return sum;
}

/** 1 when no other vector is as near to `question` as the expected one; a tie does not count. */
export function rankOf(
  question: Float32Array,
  wanted: number,
  vectors: readonly Float32Array[],
): number {
  const own = similarity(question, vectors[wanted] as Float32Array);
  let rank = 1;
  for (const [index, vector] of vectors.entries()) {
    if (index !== wanted && similarity(question, vector) >= own) rank++;
  }
  return rank;
}

/** Indexes of the vectors nearest to a question, nearest first. */
export function nearestTo(
  question: Float32Array,
  vectors: readonly Float32Array[],
  count: number,
): number[] {
  return vectors
    .map((vector, index) => ({ index, score: similarity(question, vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ index }) => index);
}

/** Indexes of the vectors nearest to one of them, without itself, nearest first. */
export function nearest(of: number, vectors: readonly Float32Array[], count: number): number[] {
  return nearestTo(vectors[of] as Float32Array, vectors, count + 1)
    .filter((index) => index !== of)
    .slice(0, count);
}

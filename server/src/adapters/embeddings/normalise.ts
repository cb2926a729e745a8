/** Scales a vector to length one, in place; one of zeros stays as it is. */
export function normalise(vector: Float32Array): Float32Array {
  let squares = 0;
  for (let d = 0; d < vector.length; d++) squares += (vector[d] as number) ** 2;
  if (squares === 0) return vector;
  const factor = 1 / Math.sqrt(squares);
  for (let d = 0; d < vector.length; d++) (vector[d] as number) *= factor;
  return vector;
}

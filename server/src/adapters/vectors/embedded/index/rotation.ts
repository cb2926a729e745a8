/**
 * A random rotation that costs d log d: signs flipped by a fixed seed, Hadamard transforms over the largest
 * power of two that fits, alternately from either end, and each half mixed with the other. After it every
 * coordinate carries about the same share of a vector, so that one bit of each says equally much.
 */
const rounds = 4;

export class Rotation {
  readonly dimension: number;
  readonly #signs: Float32Array;
  readonly #power: number;

  constructor(dimension: number) {
    this.dimension = dimension;
    this.#power = 2 ** Math.floor(Math.log2(dimension));
    const random = xorshift(0x9e3779b9 ^ dimension);
    this.#signs = Float32Array.from({ length: rounds * dimension }, () => (random() & 1 ? 1 : -1));
  }

  /** In place; `vector` has `dimension` members. Lengths and products stay. */
  apply(vector: Float32Array): void {
    const d = this.dimension;
    for (let round = 0; round < rounds; round++) {
      const at = round * d;
      for (let i = 0; i < d; i++) vector[i] = (vector[i] ?? 0) * (this.#signs[at + i] ?? 1);
      const start = round % 2 === 0 ? 0 : d - this.#power;
      hadamard(vector, start, this.#power);
      if (this.#power !== d) mixHalves(vector);
    }
  }
}

function hadamard(vector: Float32Array, start: number, length: number): void {
  for (let half = 1; half < length; half *= 2) {
    for (let i = start; i < start + length; i += 2 * half) {
      for (let j = i; j < i + half; j++) {
        const a = vector[j] ?? 0;
        const b = vector[j + half] ?? 0;
        vector[j] = a + b;
        vector[j + half] = a - b;
      }
    }
  }
  const scale = 1 / Math.sqrt(length);
  for (let i = start; i < start + length; i++) vector[i] = (vector[i] ?? 0) * scale;
}

function mixHalves(vector: Float32Array): void {
  const half = vector.length >>> 1;
  for (let i = 0; i < half; i++) {
    const a = vector[i] ?? 0;
    const b = vector[i + half] ?? 0;
    vector[i] = (a + b) * Math.SQRT1_2;
    vector[i + half] = (a - b) * Math.SQRT1_2;
  }
}

function xorshift(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  };
}

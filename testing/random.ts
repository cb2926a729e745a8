/** Repeatable randomness for tests and benchmarks. */
import { createRandomBits } from "../server/src/core/random.ts";

/** A version 4 UUID from the generator's own randomness. */
export function makeId(random: () => number): string {
  const hex = (digits: number) =>
    Math.floor(random() * 2 ** (4 * digits))
      .toString(16)
      .padStart(digits, "0");
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
}

/** Numbers in [0, 1) with 53 random bits: two draws each. */
export function makeRandom(seed: number): () => number {
  const next = createRandomBits(seed);
  return () => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;
}

import { createRandomBits } from "../../core/random.ts";

/** Numbers from 0 to below 1. */
export type Random = () => number;

/** The same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  const next = createRandomBits(seed);
  return () => next() / 2 ** 32;
}

export function pick<T>(random: Random, values: readonly [T, ...T[]]): T {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

/** A function that draws a name with a probability proportional to its weight. */
export function weighted<T extends string>(
  weights: Readonly<Record<T, number>>,
): (random: Random) => T {
  const entries = Object.entries(weights) as [T, number][];
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  return (random) => {
    let left = random() * sum;
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return entries[0]?.[0] as T;
  };
}

/** Values around `median`, rarely much longer, such as the time spent on a page. */
export function logNormal(random: Random, median: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(sigma * normal);
}

/** A function that draws ranks from 0 to `count` - 1 by Zipf's law: the first is the most frequent. */
export function zipf(count: number, exponent: number): (random: Random) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    upTo[rank] = sum;
  }
  return (random) => {
    const target = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] ?? 0) > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

export function randomBytes(random: Random, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let word = 0;
  for (let index = 0; index < count; index++) {
    // one draw has 32 random bits
    word = index % 4 === 0 ? random() * 2 ** 32 : word / 256;
    bytes[index] = word;
  }
  return bytes;
}

export function randomHex(random: Random, bytes: number): string {
  return Buffer.from(randomBytes(random, bytes)).toString("hex");
}

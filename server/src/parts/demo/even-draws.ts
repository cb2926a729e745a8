/**
 * Draws that are spread evenly, where independent ones would clump: with some ten orders an hour,
 * independent draws make every other comparison of two hours a doubling or a halving.
 */

/**
 * The first step is the golden ratio, the most even one: it decides what counts most. The others are
 * 1/g², 1/g³ and 1/g⁵ with g⁶ = g + 1 (the R-sequence), which stay even together.
 */
const steps = [
  0.6180339887498949, 0.7766393890897682, 0.6844301295853426, 0.5315553977157914,
] as const;

export type EvenDraws = readonly [number, number, number, number];

/** Four numbers from 0 to below 1 for the `index`-th visit. */
export function evenDraws(index: number): EvenDraws {
  const [a, b, c, d] = steps;
  const draw = (step: number) => (0.5 + index * step) % 1;
  return [draw(a), draw(b), draw(c), draw(d)];
}

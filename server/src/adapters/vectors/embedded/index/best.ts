/** Choosing the best of many scores. */

export interface Best {
  readonly slots: Uint32Array;
  readonly scores: Float32Array;
}

/** The best `limit`, best first; of equal ones the lower slot. */
export function bestOf(slots: Uint32Array, scores: Float32Array, limit: number): Best {
  const order = Array.from(slots.keys()).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || (slots[a] ?? 0) - (slots[b] ?? 0),
  );
  order.length = Math.min(order.length, limit);
  return {
    slots: Uint32Array.from(order, (i) => slots[i] ?? 0),
    scores: Float32Array.from(order, (i) => scores[i] ?? 0),
  };
}

/** The `size` largest numbers offered; `least` is the smallest of them, -Infinity until there are so many. */
export class Largest {
  readonly #heap: Float64Array;
  #n = 0;
  least = Number.NEGATIVE_INFINITY;

  constructor(size: number) {
    this.#heap = new Float64Array(size);
  }

  /** `value` is above `least`. */
  add(value: number): void {
    const heap = this.#heap;
    if (this.#n < heap.length) {
      let i = this.#n++;
      while (i > 0 && (heap[(i - 1) >> 1] ?? 0) > value) {
        heap[i] = heap[(i - 1) >> 1] ?? 0;
        i = (i - 1) >> 1;
      }
      heap[i] = value;
      if (this.#n === heap.length) this.least = heap[0] ?? 0;
      return;
    }
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
      if ((heap[child] ?? 0) >= value) break;
      heap[i] = heap[child] ?? 0;
      i = child;
    }
    heap[i] = value;
    this.least = heap[0] ?? 0;
  }
}

/**
 * A threshold that about `wanted` of the masked estimates are above, from a sample of them; -Infinity when
 * that cannot be estimated.
 */
export function thresholdFor(
  estimates: Float32Array,
  among: { readonly mask: Uint32Array; readonly matches: number },
  wanted: number,
): number {
  const { mask, matches } = among;
  const every = Math.max(1, Math.floor(matches / sampleSize));
  let n = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  // whole words, evenly spread: neighbours in the index are as good as any
  for (let word = 0; word < mask.length; word += every) {
    for (let bits = mask[word] ?? 0; bits !== 0; bits &= bits - 1) {
      if (n === sample.length) break;
      const value = estimates[word * 32 + 31 - Math.clz32(bits & -bits)] ?? 0;
      sample[n++] = value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (n === 0 || !(most > least)) return Number.NEGATIVE_INFINITY;
  const bins = new Uint32Array(1_024);
  const scale = (bins.length - 1) / (most - least);
  for (let i = 0; i < n; i++) {
    const bin = Math.floor(((sample[i] ?? 0) - least) * scale);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  let left = (wanted / matches) * n;
  let bin = bins.length;
  while (bin > 0 && left > 0) left -= bins[--bin] ?? 0;
  return least + bin / scale;
}

const sampleSize = 4_096;
/** A sample is of whole words, so somewhat larger. */
const sample = new Float32Array(4 * sampleSize);

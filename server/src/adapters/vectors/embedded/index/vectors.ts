/**
 * The vectors of one collection by slot, at three precisions:
 * - float32, the truth;
 * - int8 with a proven bound on its error: whatever can be among the best by it is compared at float32;
 * - one bit a dimension, made when there are many vectors: picks the candidates.
 * Few vectors, or few that a filter leaves, are answered without the third, so exactly.
 */
import { type Best, bestOf, Largest, thresholdFor } from "./best.ts";
import { Codes } from "./codes.ts";
import { VectorMemory } from "./memory.ts";

/** Slots whose bit is set, and how many they are. */
export interface Among {
  readonly mask: Uint32Array;
  readonly matches: number;
}

/** This much is compared at int8 in about half a millisecond; of more, bits choose first. */
const exactBytes = 4_000_000;
/** Candidates that bits choose, at least; fetching their int8 codes from all over is half of a query. */
const leastCandidates = 800;
const candidatesPerResult = 50;
/** float32 sums of products of unit vectors are off by less. */
const roundingError = 2e-6;

export class Vectors {
  readonly #memory: VectorMemory;
  /** The largest error of any vector so far. */
  #worstError = 0;
  #codes: Codes | undefined;
  #coded = 0;
  #areCodesReady = false;

  constructor(dimension: number) {
    this.#memory = new VectorMemory(dimension);
  }

  get capacity(): number {
    return this.#memory.capacity;
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  get stage(): "exact" | "coding" | "coded" {
    if (this.#areCodesReady) return "coded";
    return this.#codes === undefined ? "exact" : "coding";
  }

  reserve(slots: number): void {
    this.#memory.reserve(slots);
  }

  /** `vector` is normalised, or zero. Throws RangeError when there is no room. */
  set(slot: number, vector: Float32Array): void {
    const memory = this.#memory;
    memory.reserve(slot + 1);
    const start = memory.place("vectors", slot) / 4;
    memory.floats.fill(0, start, start + memory.width);
    memory.floats.set(vector, start);
    const code = memory.place("bytes", slot);
    const { scale, error } = quantise(vector, memory.codes.subarray(code, code + memory.width));
    memory.floats[memory.place("scales", slot) / 4] = scale;
    memory.floats[memory.place("errors", slot) / 4] = error;
    this.#worstError = Math.max(this.#worstError, error);
    this.#codes?.write(slot, vector);
  }

  /** A copy. */
  get(slot: number): Float32Array {
    const start = this.#memory.place("vectors", slot) / 4;
    return this.#memory.floats.slice(start, start + this.#memory.dimension);
  }

  /** Whether `slots` slots should have bits and do not all have them. */
  wantsCodes(slots: number): boolean {
    return !this.#areCodesReady && slots * this.#memory.width > exactBytes;
  }

  /** Makes the bits of the next `most` slots below `slots`; true when that was all. */
  makeCodes(slots: number, most: number): boolean {
    this.#codes ??= new Codes(this.#memory, this.#mean(slots));
    const end = Math.min(slots, this.#coded + most);
    for (let slot = this.#coded; slot < end; slot++) this.#codes.write(slot, this.get(slot));
    this.#coded = end;
    this.#areCodesReady = end === slots;
    return this.#areCodesReady;
  }

  /** The best `limit` of the slots below `slots` that are in `among`. `query` is of length 1, or zero. */
  search(query: Float32Array, among: Among, want: { slots: number; limit: number }): Best {
    const memory = this.#memory;
    const { at, kernel, width, stride } = memory;
    const n = this.#list(query, among, want);
    const { scale, error } = this.#writeQuery(query);
    kernel.dot8(at.query8, at.list, n, width, at.bytes, at.scales, stride, at.estimates);
    const kept = this.#keepPossible(n, { scale, error, limit: want.limit });
    kernel.dot32(at.query32, at.kept, kept, width, at.vectors, stride, at.out);
    return bestOf(memory.numbers("kept", kept), memory.estimates("out", kept), want.limit);
  }

  /** Writes the list of slots to compare; their number. */
  #list(query: Float32Array, among: Among, want: { slots: number; limit: number }): number {
    const memory = this.#memory;
    const { at, kernel, width } = memory;
    if (among.matches * width > exactBytes && this.#areCodesReady && this.#codes !== undefined) {
      const wanted = Math.max(leastCandidates, candidatesPerResult * want.limit);
      this.#codes.estimate(query, want.slots);
      memory.numbers("mask", among.mask.length).set(among.mask);
      const threshold = thresholdFor(memory.estimates("estimates", want.slots), among, wanted);
      const n = kernel.collect(
        at.estimates,
        at.mask,
        among.mask.length,
        threshold,
        at.list,
        among.matches,
      );
      // else most estimates are equal, and say nothing
      if (n >= Math.min(wanted / 2, among.matches)) return n;
    }
    return this.#listAll(among);
  }

  #listAll({ mask, matches }: Among): number {
    const list = this.#memory.numbers("list", matches);
    let n = 0;
    for (let word = 0; word < mask.length; word++) {
      for (let bits = mask[word] ?? 0; bits !== 0; bits &= bits - 1) {
        list[n++] = word * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
    return n;
  }

  #writeQuery(query: Float32Array): { readonly scale: number; readonly error: number } {
    const memory = this.#memory;
    const start = memory.at.query32 / 4;
    memory.floats.fill(0, start, start + memory.width);
    memory.floats.set(query, start);
    const codes = new Int16Array(memory.kernel.memory.buffer, memory.at.query8, memory.width);
    return quantise(query, codes);
  }

  /**
   * Keeps the listed slots that can be among the best `limit`. With x = s c + e and q = s' c' + e' the
   * product differs from s s' (c c') by at most |e| |q| + |e'| |s c|, and |s c| <= 1 + |e|.
   */
  #keepPossible(n: number, query: { scale: number; error: number; limit: number }): number {
    const memory = this.#memory;
    const list = memory.numbers("list", n);
    const products = memory.estimates("estimates", n);
    const kept = memory.numbers("kept", n);
    const { floats } = memory;
    const bound = (error: number): number => error + query.error * (1 + error) + roundingError;
    const errorOf = (slot: number): number => floats[memory.place("errors", slot) >>> 2] ?? 0;
    const largest = new Largest(query.limit);
    const { scale } = query;
    for (let i = 0; i < n; i++) {
      const product = (products[i] ?? 0) * scale;
      if (product <= largest.least) continue;
      const least = product - bound(errorOf(list[i] ?? 0));
      if (least > largest.least) largest.add(least);
    }
    const worst = bound(this.#worstError);
    let count = 0;
    for (let i = 0; i < n; i++) {
      const product = (products[i] ?? 0) * scale;
      if (product + worst < largest.least) continue;
      const slot = list[i] ?? 0;
      if (product + bound(errorOf(slot)) >= largest.least) kept[count++] = slot;
    }
    return count;
  }

  /** Empty slots are zero, or hold what was there: good enough to take away. */
  #mean(slots: number): Float32Array {
    const { dimension } = this.#memory;
    const sums = new Float64Array(dimension);
    for (let slot = 0; slot < slots; slot++) {
      const start = this.#memory.place("vectors", slot) / 4;
      for (let i = 0; i < dimension; i++) {
        sums[i] = (sums[i] ?? 0) + (this.#memory.floats[start + i] ?? 0);
      }
    }
    return Float32Array.from(sums, (sum) => sum / Math.max(1, slots));
  }
}

/** Rounds to -127..127 times a scale; the error is the length of the difference, rounded up. */
function quantise(
  vector: Float32Array,
  into: Int8Array | Int16Array,
): { readonly scale: number; readonly error: number } {
  let most = 0;
  for (let i = 0; i < vector.length; i++) most = Math.max(most, Math.abs(vector[i] ?? 0));
  const scale = most === 0 ? 1 : Math.fround(most / 127);
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    const value = vector[i] ?? 0;
    const code = Math.round(value / scale);
    const rest = value - code * scale;
    into[i] = code;
    squares += rest * rest;
  }
  into.fill(0, vector.length);
  return { scale, error: Math.sqrt(squares) * 1.000001 + 1e-7 };
}

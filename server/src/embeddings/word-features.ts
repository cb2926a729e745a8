/** The columns that a word has a share in, as scikit-learn's HashingVectorizer numbers them. */
import type { LsaParameters } from "./lsa-parameters.ts";

export type WordFeatures = (word: string) => Int32Array;

const encoder = new TextEncoder();
const space = 0x20;

/**
 * Returns a function from a folded word to its columns: the word's own, then its character n-grams' (with
 * a space on either side, as char_wb has it), one for each occurrence.
 */
export function createWordFeatures({ word: words, char }: LsaParameters): WordFeatures {
  const [shortest, longest] = char.lengths;
  let bytes = new Uint8Array(256);
  /** Where each character begins, and where the last one ends. */
  let starts = new Int32Array(256);
  let found = new Int32Array(1024);

  return (word) => {
    if (word.length * 3 + 2 > bytes.length) {
      bytes = new Uint8Array(word.length * 3 + 2);
      starts = new Int32Array(word.length * 3 + 3);
      found = new Int32Array(1 + (longest - shortest + 1) * (word.length + 2));
    }
    bytes[0] = space;
    const end = 1 + encoder.encodeInto(word, bytes.subarray(1)).written;
    bytes[end] = space;
    let characters = 0;
    for (let at = 0; at <= end; at++) {
      if (((bytes[at] as number) & 0xc0) !== 0x80) starts[characters++] = at;
    }
    starts[characters] = end + 1;

    let count = 0;
    found[count++] = columnOf(murmur3(bytes, 1, end), words.features);
    for (let length = shortest; length <= longest; length++) {
      const last = Math.max(0, characters - length);
      for (let first = 0; first <= last; first++) {
        const stop = starts[Math.min(first + length, characters)] as number;
        const hash = murmur3(bytes, starts[first] as number, stop);
        found[count++] = words.features + columnOf(hash, char.features);
      }
      // a word that is no longer than the n-gram counts once, not for every longer n
      if (last === 0) break;
    }
    return found.slice(0, count);
  };
}

/** scikit-learn's `_hashing_fast.pyx`: the one number without an absolute value is treated apart. */
function columnOf(hash: number, features: number): number {
  if (hash === -2_147_483_648) return (2_147_483_647 - (features - 1)) % features;
  return Math.abs(hash) % features;
}

/** MurmurHash3 x86_32 of `bytes[start, end)` with seed 0, signed. */
export function murmur3(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const stop = start + (length & ~3);
  let hash = 0;
  for (let at = start; at < stop; at += 4) {
    const block =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash ^= scramble(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = end - 1; at >= stop; at--) tail = (tail << 8) | (bytes[at] as number);
  hash ^= scramble(tail) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

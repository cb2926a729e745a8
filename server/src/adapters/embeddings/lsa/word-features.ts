/** The columns that a word has a share in, as scikit-learn's HashingVectorizer numbers them. */
import type { LsaParameters } from "./parameters.ts";

export interface WordFeatures {
  /** No word of this length, in UTF-16 units, has more columns. */
  most(length: number): number;
  /**
   * Writes a folded word's columns into a list from `at` on, and returns where they end: the word's own, then
   * its character n-grams' (with a space on either side, as char_wb has it), one for each occurrence.
   */
  write(word: string, list: Int32Array, at: number): number;
}

const encoder = new TextEncoder();
const space = 0x20;

export function createWordFeatures({ word: words, char }: LsaParameters): WordFeatures {
  const [shortest, longest] = char.lengths;
  let bytes = new Uint8Array(256);
  /** Where each character begins, and where the last one ends. */
  let starts = new Int32Array(256);

  /** Fills `bytes` and `starts`; returns how many characters there are. */
  function spell(word: string): number {
    if (word.length * 3 + 2 > bytes.length) {
      bytes = new Uint8Array(word.length * 3 + 2);
      starts = new Int32Array(word.length * 3 + 3);
    }
    bytes[0] = space;
    const end = 1 + encode(word, bytes);
    bytes[end] = space;
    let characters = 0;
    for (let at = 0; at <= end; at++) {
      if (((bytes[at] as number) & 0xc0) !== 0x80) starts[characters++] = at;
    }
    starts[characters] = end + 1;
    return characters;
  }

  return {
    most: (length) => 1 + (longest - shortest + 1) * (length + 2),
    write(word, list, at) {
      const characters = spell(word);
      let next = at;
      list[next++] = columnOf(murmur3(bytes, 1, starts[characters - 1] as number), words.features);
      for (let length = shortest; length <= longest; length++) {
        const last = Math.max(0, characters - length);
        for (let first = 0; first <= last; first++) {
          const stop = starts[Math.min(first + length, characters)] as number;
          const hash = murmur3(bytes, starts[first] as number, stop);
          list[next++] = words.features + columnOf(hash, char.features);
        }
        // a word that is no longer than the n-gram counts once, not for every longer n
        if (last === 0) break;
      }
      return next;
    },
  };
}

/** UTF-8 behind the first byte; returns how many bytes. Calling the encoder costs more than most words. */
function encode(word: string, bytes: Uint8Array): number {
  for (let at = 0; at < word.length; at++) {
    const unit = word.charCodeAt(at);
    if (unit >= 0x80) return encoder.encodeInto(word, bytes.subarray(1)).written;
    bytes[at + 1] = unit;
  }
  return word.length;
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

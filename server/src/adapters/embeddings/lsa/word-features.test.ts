import assert from "node:assert/strict";
import { test } from "node:test";
import { lsaParameters } from "./parameters.ts";
import { createWordFeatures, murmur3 } from "./word-features.ts";

/** Written behind others, into a list of `most` places. */
function featuresOf(word: string): number[] {
  const features = createWordFeatures(lsaParameters);
  const list = new Int32Array(3 + features.most(word.length)).fill(-1);
  const end = features.write(word, list, 3);
  assert.deepEqual([...list.slice(0, 3)], [-1, -1, -1]);
  assert.ok(end <= list.length);
  return [...list.slice(3, end)];
}

test("hashes are those of scikit-learn's murmurhash3_32", () => {
  for (const [text, hash] of [
    ["", 0],
    ["a", 1009084850],
    ["ab", -1681926305],
    ["abc", -1277324294],
    ["abcd", 1139631978],
    ["kulaklık", -559183436],
    [" ka", -1486460516],
    ["ığı", 585462141],
    ["日本語の商品", 454892011],
  ] as const) {
    const bytes = new TextEncoder().encode(`..${text}..`);
    assert.equal(murmur3(bytes, 2, bytes.length - 2), hash, text);
  }
});

test("columns are those of scikit-learn's vectorizers, for words shorter than an n-gram as well", () => {
  const columnsOf = (word: string) => featuresOf(word).sort((a, b) => a - b);
  const chars = (...columns: number[]) =>
    columns.map((column) => lsaParameters.word.features + column);
  assert.deepEqual(columnsOf("a"), [2482, ...chars(6977, 9144, 26423)]);
  assert.deepEqual(columnsOf("ab"), [2209, ...chars(6977, 10040, 10127, 10401, 22142, 23206)]);
  assert.deepEqual(columnsOf("mug"), [
    1221,
    ...chars(787, 894, 1221, 3997, 4738, 6105, 9496, 18919, 32662),
  ]);
});

test("characters are counted, not bytes and not UTF-16 units", () => {
  for (const word of ["ğığ", "日本語", "𠮷𠮷𠮷", "abc"]) {
    // of 5 characters with the spaces: 4 pairs, 3 triples, 2 of four
    assert.equal(featuresOf(word).length, 1 + 4 + 3 + 2, word);
  }
  assert.equal(featuresOf("x".repeat(10_000)).length, 1 + 10_001 + 10_000 + 9_999);
});

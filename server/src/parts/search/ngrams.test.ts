import assert from "node:assert/strict";
import { test } from "node:test";
import { fold } from "../../adapters/embeddings/fold.ts";
import { ngramSimilarity, ngramsOf } from "./ngrams.ts";

const similarity = (query: string, text: string): number =>
  ngramSimilarity(ngramsOf(fold(query)), fold(text));

test("a word is similar to its forms, less to other words, and not at all without n-grams in common", () => {
  assert.ok(
    similarity("kulaklığımı", "Kablosuz Kulaklık") > similarity("kulaklığımı", "Kol Saati"),
  );
  assert.ok(similarity("teapots", "Red Teapot") > similarity("teapots", "Tea Towel"));
  assert.ok(
    similarity("retrosopt mug", "Red Retrospot Mug") > similarity("retrosopt mug", "Red Mug"),
  );
  assert.equal(similarity("mug", "Garden Bench"), 0);
});

test("of two texts that contain the whole query, the shorter is more similar", () => {
  assert.ok(
    similarity("mug", "Tea Mug") > similarity("mug", "Tea Mug With A Very Long Name Behind It"),
  );
});

test("short words count, as themselves", () => {
  assert.ok(similarity("a4", "Paper A4") > 1);
  assert.equal(similarity("a4", "Paper A5"), 0);
  assert.deepEqual([...ngramsOf("x")], [" x "]);
});

test("an empty query or text is similar to nothing, and a long query is cut", () => {
  assert.equal(similarity("", "mug"), 0);
  assert.equal(similarity("mug", ""), 0);
  const words = Array.from({ length: 5_000 }, (_, n) => `w${n}`).join(" ");
  assert.equal(ngramsOf(words).size, 256);
});

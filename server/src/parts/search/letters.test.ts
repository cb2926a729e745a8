import assert from "node:assert/strict";
import { test } from "node:test";
import { fold } from "../../adapters/embeddings/fold.ts";
import { lettersOf, likenessOfLetters } from "./letters.ts";

const likeness = (question: string, text: string): number =>
  likenessOfLetters(lettersOf(fold(question)), fold(text));

test("a word is near its forms, farther from others, and nothing to what shares no letters", () => {
  assert.ok(likeness("kulaklığımı", "Kablosuz Kulaklık") > likeness("kulaklığımı", "Kol Saati"));
  assert.ok(likeness("teapots", "Red Teapot") > likeness("teapots", "Tea Towel"));
  assert.ok(likeness("retrosopt mug", "Red Retrospot Mug") > likeness("retrosopt mug", "Red Mug"));
  assert.equal(likeness("mug", "Garden Bench"), 0);
});

test("of two texts that have all of the question, the shorter is nearer", () => {
  assert.ok(
    likeness("mug", "Tea Mug") > likeness("mug", "Tea Mug With A Very Long Name Behind It"),
  );
});

test("short words count, as themselves", () => {
  assert.ok(likeness("a4", "Paper A4") > 1);
  assert.equal(likeness("a4", "Paper A5"), 0);
  assert.deepEqual([...lettersOf("x")], [" x "]);
});

test("an empty question or text is like nothing, and a long question is cut", () => {
  assert.equal(likeness("", "mug"), 0);
  assert.equal(likeness("mug", ""), 0);
  const words = Array.from({ length: 5_000 }, (_, n) => `w${n}`).join(" ");
  assert.equal(lettersOf(words).size, 256);
});

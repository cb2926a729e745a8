import assert from "node:assert/strict";
import { test } from "node:test";
import { fuseRanks, rankByNgrams } from "./lexical.ts";

const near = Array.from({ length: 100 }, (_, n) => `p${n}`);

test("the best text comes first, however far down the vectors have it", () => {
  assert.equal(fuseRanks(near, ["p80"])[0], "p80");
  assert.equal(fuseRanks(near, ["by-text-alone"])[0], "by-text-alone");
});

test("an id that both lists rank high comes before one that leads a single list", () => {
  assert.equal(fuseRanks(["a", "both", "c"], ["x", "both", "y"])[0], "both");
});

test("without n-grams in common the order of the vectors is kept", () => {
  assert.deepEqual(fuseRanks(near, []), near);
  assert.deepEqual(rankByNgrams("crimson cup", [{ id: "a", folded: "red mug" }]), []);
});

test("texts are ranked by their n-grams, and those with hardly any in common are left out", () => {
  const texts = ["kol saati", "kablosuz kulaklik", "kulaklik"].map((folded) => ({
    id: folded,
    folded,
  }));
  assert.deepEqual(rankByNgrams("kulakligimi", texts), ["kulaklik", "kablosuz kulaklik"]);
});

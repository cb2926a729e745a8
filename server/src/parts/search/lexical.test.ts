import assert from "node:assert/strict";
import { test } from "node:test";
import { fuseRanks, rankByLetters } from "./lexical.ts";

const near = Array.from({ length: 100 }, (_, n) => `p${n}`);

test("what letters put first stands first, however far down the vectors have it", () => {
  assert.equal(fuseRanks(near, ["p80"])[0], "p80");
  assert.equal(fuseRanks(near, ["by-letters-alone"])[0], "by-letters-alone");
});

test("what both put high stands before what one of them puts first", () => {
  assert.equal(fuseRanks(["a", "both", "c"], ["x", "both", "y"])[0], "both");
});

test("without letters in common the order of the vectors stands", () => {
  assert.deepEqual(fuseRanks(near, []), near);
  assert.deepEqual(rankByLetters("crimson cup", [{ id: "a", folded: "red mug" }]), []);
});

test("texts are ranked by their letters, and those that have hardly any are left out", () => {
  const texts = ["kol saati", "kablosuz kulaklik", "kulaklik"].map((folded) => ({
    id: folded,
    folded,
  }));
  assert.deepEqual(rankByLetters("kulakligimi", texts), ["kulaklik", "kablosuz kulaklik"]);
});

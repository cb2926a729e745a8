import assert from "node:assert/strict";
import { test } from "node:test";
import { firstDifference } from "./first-difference.ts";

test("equal texts have no difference", () => {
  assert.equal(firstDifference("a\nb\n", "a\nb\n"), undefined);
});

test("the first line that differs is shown from both sides", () => {
  assert.match(
    firstDifference("a\nb\n", "a\nc\n") ?? "",
    /line 2:\n.*committed: b\n.*made now: {2}c/,
  );
});

test("a text that is only longer or shorter differs too", () => {
  assert.match(firstDifference("a", "a\nb") ?? "", /line 2:\n.*\(end\)\n.*b/);
  assert.match(firstDifference("a\nb", "a") ?? "", /line 2:\n.*b\n.*\(end\)/);
});

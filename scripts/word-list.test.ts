import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedWords } from "./word-list.ts";

test("a refused word is found with its line and with what to write instead", () => {
  const text = "The part is stopped.\nThe store is away; the window is made anew.";
  assert.deepEqual(
    refusedWords(text).map(({ line, word }) => [line, word]),
    [
      [2, "anew"],
      [2, "is away"],
    ],
  );
  assert.ok(refusedWords("mended")[0]?.instead.includes("fix"));
});

test("plain English passes, words that only contain a refused one too", () => {
  assert.deepEqual(
    refusedWords("Recommendations are amended; the runaway job was restarted; he understood."),
    [],
  );
});

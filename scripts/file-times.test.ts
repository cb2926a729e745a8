import assert from "node:assert/strict";
import { test } from "node:test";
import { fileTimes } from "./file-times.ts";

test("The slowest files come first, those above the limit are marked, and short ones share a line", () => {
  const times = new Map([
    ["a.test.ts", 900],
    ["b.test.ts", 61_040],
    ["c.test.ts", 12_340],
    ["d.test.ts", 700],
  ]);
  assert.equal(
    fileTimes(times, { shownFromSeconds: 5, limitSeconds: 40 }),
    [
      "seconds per file",
      "   61.0 s  b.test.ts  (more than 40 s)",
      "   12.3 s  c.test.ts",
      "    1.6 s  2 other files",
      "",
    ].join("\n"),
  );
});

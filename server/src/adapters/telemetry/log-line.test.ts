import assert from "node:assert/strict";
import { test } from "node:test";
import { asJsonLines, escapeLine, jsonLine } from "./log-line.ts";

test("no character that a terminal or an editor acts on reaches a line, and its meaning stays", () => {
  const ranges = [
    [0x00, 0x1f],
    [0x7f, 0x9f],
    [0x061c, 0x061c],
    [0x200e, 0x200f],
    [0x2028, 0x202e],
    [0x2066, 0x2069],
    [0xfeff, 0xfeff],
  ] as const;
  for (const [first, last] of ranges) {
    for (let code = first; code <= last; code++) {
      const character = String.fromCharCode(code);
      const fields = { msg: `a${character}b`, [`k${character}`]: 1 };
      const line = jsonLine(fields);
      assert.ok(!line.includes(character), code.toString(16));
      assert.deepEqual(JSON.parse(line), fields);
    }
  }
  const harmless = '{"msg":"ölçü 価格 👩‍👩‍👧 \\n"}';
  assert.equal(escapeLine(harmless), harmless);
});

test("JSON lines of a program stay; its other output becomes JSON, a stack trace one line", () => {
  const about = () => ({ level: "warn", part: "http" });
  const lines = asJsonLines(
    ['{"msg":"one"}', "Error: no", "    at x (y:1)", "", "{broken", '{"msg":"\u202etwo"}', "  "],
    about,
  );
  assert.deepEqual(lines, [
    '{"msg":"one"}',
    JSON.stringify({ ...about(), msg: "Error: no\n    at x (y:1)\n\n{broken" }),
    '{"msg":"\\u202etwo"}',
  ]);
});

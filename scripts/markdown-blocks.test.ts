import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf } from "./markdown-blocks.ts";

test("a block is found with its line, its language and the words after it", () => {
  const [block, ...others] = blocksOf("a.md", "# A\n\n```sh run\necho 1\necho 2\n```\n");
  assert.deepEqual(block, {
    document: "a.md",
    line: 3,
    language: "sh",
    words: ["run"],
    text: "echo 1\necho 2",
  });
  assert.deepEqual(others, []);
});

test("a block in a list loses the list's indent and keeps its own", () => {
  const [block] = blocksOf("a.md", "1. first\n\n   ```ts\n   if (a) {\n     b();\n   }\n   ```\n");
  assert.equal(block?.text, "if (a) {\n  b();\n}");
});

test("a longer fence may hold a shorter one", () => {
  const [block, ...others] = blocksOf("a.md", "````md\n```sh run\nexit 1\n```\n````\n");
  assert.equal(block?.language, "md");
  assert.deepEqual(others, []);
});

test("a block that never ends is an error, not a missing block", () => {
  assert.throws(() => blocksOf("a.md", "```sh run\necho 1\n"), /a\.md:1/);
});

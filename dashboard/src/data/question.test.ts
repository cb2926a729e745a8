import assert from "node:assert/strict";
import { test } from "node:test";
import { postKey, questionOf } from "./question.ts";

test("a question by POST keeps its path and its body, whatever is asked", () => {
  const body = { text: "a mug\nPOST /x {}", filter: { price: { gte: 1.5 } }, hybrid: true };
  assert.deepEqual(questionOf(postKey("/api/search", body)), {
    method: "POST",
    path: "/api/search",
    body,
  });
});

test("an address is asked by GET, as it stands", () => {
  const path = "/api/products/a%20b/similar?limit=5";
  assert.deepEqual(questionOf(path), { method: "GET", path, body: undefined });
});

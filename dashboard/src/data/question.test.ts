import assert from "node:assert/strict";
import { test } from "node:test";
import { postKey, questionOf } from "./question.ts";

test("a POST keeps its path and its body, whatever they contain", () => {
  const body = { text: "a mug\nPOST /x {}", filter: { price: { gte: 1.5 } }, hybrid: true };
  assert.deepEqual(questionOf(postKey("/api/search", body)), {
    method: "POST",
    path: "/api/search",
    body,
  });
});

test("an address is read by GET, unchanged", () => {
  const path = "/api/products/a%20b/similar?limit=5";
  assert.deepEqual(questionOf(path), { method: "GET", path, body: undefined });
});

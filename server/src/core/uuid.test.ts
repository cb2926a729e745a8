import assert from "node:assert/strict";
import { randomFillSync, randomUUID } from "node:crypto";
import { test } from "node:test";
import { isCanonicalUuid, uuidOfText, uuidV7Maker } from "./uuid.ts";

test("generated ids are version 7, contain their time, and do not repeat", () => {
  const make = uuidV7Maker(randomFillSync);
  const now = Date.UTC(2026, 0, 15);
  const ids = Array.from({ length: 3_000 }, () => make(now));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(Number.parseInt(id.replace("-", "").slice(0, 12), 16), now);
  }
});

test("only the form that PostgreSQL prints is kept as it is", () => {
  assert.ok(isCanonicalUuid(randomUUID()));
  for (const text of [
    randomUUID().toUpperCase(),
    `{${randomUUID()}}`,
    randomUUID().replaceAll("-", ""),
    ` ${randomUUID().slice(1)}`,
    "",
  ]) {
    assert.ok(!isCanonicalUuid(text), text);
  }
});

test("a text's id is the SHA-256 of it, marked version 8", () => {
  // sha256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 ...
  assert.equal(uuidOfText("abc"), "ba7816bf-8f01-8fea-8141-40de5dae2223");
});

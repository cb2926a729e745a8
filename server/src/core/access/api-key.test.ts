import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { WeirError } from "../errors.ts";
import {
  generateApiKey,
  hashSecret,
  parseApiKey,
  randomText,
  redactKeys,
  secretMatches,
} from "./api-key.ts";

const malformed = (error: unknown) => error instanceof WeirError && error.code === "key_malformed";

test("a generated key is parsed back and verifies against its hash alone", () => {
  for (let round = 0; round < 200; round++) {
    const key = generateApiKey("dev", randomBytes);
    assert.match(key.text, /^weir_dev_[a-z2-9]{12}_[0-9A-Za-z]{38}$/);
    assert.deepEqual(parseApiKey(key.text), { env: "dev", id: key.id, secret: key.secret });
    assert.ok(secretMatches(key.secret, hashSecret(key.secret)));
    assert.ok(!secretMatches(`${key.secret}x`, hashSecret(key.secret)));
  }
});

test("the checksum refuses every single-character mistake and every truncation", () => {
  const { text } = generateApiKey("prod", randomBytes);
  for (let index = 0; index < text.length; index++) {
    const other = text[index] === "a" ? "b" : "a";
    assert.throws(
      () => parseApiKey(text.slice(0, index) + other + text.slice(index + 1)),
      malformed,
    );
    assert.throws(() => parseApiKey(text.slice(0, index)), malformed);
  }
  const hostile = ["", " ", `${text} `, `"${text}"`, `${text}\n`, "weir_", "x".repeat(1e6)];
  for (const other of hostile) assert.throws(() => parseApiKey(other), malformed);
});

test("an error about a key never repeats the key", () => {
  const { text, secret } = generateApiKey("dev", randomBytes);
  try {
    parseApiKey(text.slice(0, -1));
    assert.fail("was taken");
  } catch (error) {
    assert.ok(!inspect(error).includes(secret.slice(0, 8)));
  }
});

test("a stored hash of another length does not match and throws nothing", () => {
  assert.equal(secretMatches("x", new Uint8Array(0)), false);
  assert.equal(secretMatches("x", new Uint8Array(31)), false);
});

test("keys in any text are reduced to their public part", () => {
  const { text, id, secret } = generateApiKey("dev", randomBytes);
  const line = redactKeys(`{"headers":{"x-api-key":"${text}"},"again":"Bearer ${text}"}`);
  assert.ok(!line.includes(secret));
  assert.equal(line.split(`weir_dev_${id}_…`).length, 3);
});

test("random text uses all 62 characters evenly", () => {
  const counts = new Map<string, number>();
  const size = 62_000;
  for (const letter of randomText(size, randomBytes)) {
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  assert.equal(counts.size, 62);
  // 1,000 expected, standard deviation 31: a deviation of six is one false alarm in 10^7.
  for (const count of counts.values()) assert.ok(Math.abs(count - 1_000) < 200, String(count));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WeirError } from "./errors.ts";
import { queryOf, readQueryString } from "./query-string.ts";

test("a query is read in its order, decoded once", () => {
  const read = (text: string) => readQueryString(text).map(({ name, value }) => [name, value]);
  assert.deepEqual(read(""), []);
  assert.deepEqual(read("a=1&b=2&a=3"), [
    ["a", "1"],
    ["b", "2"],
    ["a", "3"],
  ]);
  assert.deepEqual(read("&&a&b=&=c&d=e=f&"), [
    ["a", ""],
    ["b", ""],
    ["", "c"],
    ["d", "e=f"],
  ]);
  assert.deepEqual(read("x+y=%2B+%20%C3%BC"), [["x y", "+  ü"]]);
  assert.deepEqual(read("a=%2500&b=%25zz"), [
    ["a", "%00"],
    ["b", "%zz"],
  ]);
  assert.deepEqual(read("__proto__=1"), [["__proto__", "1"]]);
  assert.equal(queryOf("/path?a=1?b"), "a=1?b");
  assert.equal(queryOf("/path"), "");
});

const refused: Readonly<Record<string, string>> = {
  "a NUL": "a=%00",
  "a NUL in a name": "a%00=1",
  "a NUL inside": "a=b%00c",
  "no hexadecimal digits": "a=%zz",
  "a lone percent": "a=%",
  "a cut escape": "a=%c",
  "invalid UTF-8": "a=%ff",
  "a cut sequence": "a=%c3",
  "an overlong slash": "a=%c0%af",
  "an overlong NUL": "a=%c0%80",
  "an encoded surrogate": "a=%ed%a0%80",
  "a surrogate pair in UTF-8": "a=%ed%a0%bd%ed%b8%80",
  "beyond U+10FFFF": "a=%f4%90%80%80",
  "IIS's %u": "a=%u0041",
  "an invalid name": "%ff=1",
  "a name that is too long": `${"a".repeat(201)}=1`,
  "101 parameters": Array.from({ length: 101 }, (_, n) => `p${n}=1`).join("&"),
};
for (const [name, text] of Object.entries(refused)) {
  test(`${name} in a query is refused`, () => {
    assert.throws(
      () => readQueryString(text),
      (error) => error instanceof WeirError && error.code === "invalid_query",
    );
  });
}

test("every well-formed text comes back from its encoded form", () => {
  const text = fc.string({ unit: "binary", maxLength: 20 }).filter((one) => !one.includes("\0"));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (pairs) => {
      const query = pairs
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        .join("&");
      const read = readQueryString(query).map((one) => [one.name, one.value]);
      assert.deepEqual(read, pairs);
    }),
  );
});

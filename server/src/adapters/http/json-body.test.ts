import assert from "node:assert/strict";
import { test } from "node:test";
import { WeirError } from "../../core/errors.ts";
import { parseJsonBody } from "./json-body.ts";

test("a body is read as JSON.parse reads it, a byte order mark aside", () => {
  for (const text of ['{"a":[1,{"b":"ü😀"}],"c":null}', "[]", '"x"', "-0", ' {"a" : 1e3 } ']) {
    assert.deepEqual(parseJsonBody(Buffer.from(text)), JSON.parse(text), text);
  }
  assert.deepEqual(parseJsonBody(Buffer.from("\ufeff{}")), {});
  const own = parseJsonBody(Buffer.from('{"__proto__":{"admin":true}}')) as { admin?: unknown };
  assert.equal(own.admin, undefined);
  assert.deepEqual(Object.keys(own), ["__proto__"]);
});

const refused: Readonly<Record<string, readonly [body: string | Buffer, code: string]>> = {
  "an empty body": ["", "malformed_json"],
  "no JSON": ["hello", "malformed_json"],
  "a cut object": ['{"a":1', "malformed_json"],
  "two values": ["{} {}", "malformed_json"],
  "a trailing comma": ['{"a":1,}', "malformed_json"],
  "invalid UTF-8": [Buffer.from([0x22, 0xff, 0x22]), "malformed_json"],
  "UTF-16": [Buffer.from('{"a":1}', "utf16le"), "malformed_json"],
  "a NUL": ['{"a":"x\\u0000"}', "invalid_request"],
  "a NUL in a name": ['{"a\\u0000":1}', "invalid_request"],
  "half of a surrogate pair": ['{"a":"\\ud800"}', "invalid_request"],
  "half of a pair in a name": ['{"\\udfff":1}', "invalid_request"],
  "a raw control character": ['{"a":"\n"}', "malformed_json"],
  "1e400": ['{"a":1e400}', "invalid_request"],
  "a number of 200 digits": [`{"a":${"9".repeat(200)}}`, "invalid_request"],
  NaN: ['{"a":NaN}', "malformed_json"],
  "65 levels": ["[".repeat(65) + "]".repeat(65), "invalid_request"],
  "100,000 levels": ["[".repeat(100_000) + "]".repeat(100_000), "invalid_request"],
  "a name twice": ['{"a":1,"a":2}', "invalid_request"],
  "a name twice, escaped": ['{"b":{"a":1,"\\u0061":2}}', "invalid_request"],
};
for (const [name, [body, code]] of Object.entries(refused)) {
  test(`${name} in a body is refused`, () => {
    assert.throws(
      () => parseJsonBody(Buffer.from(body as string)),
      (error) => error instanceof WeirError && error.code === code,
    );
  });
}

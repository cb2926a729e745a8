import assert from "node:assert/strict";
import { test } from "node:test";
import { schema as s } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { queryReader } from "./parameters.ts";

const read = queryReader({
  name: s.string({ maxLength: 5 }),
  limit: s.integer({ minimum: 1, maximum: 100, default: 10 }),
  price: s.number(),
  deep: s.boolean(),
  kind: s.oneOf(["a", "b"]),
  tags: s.array(s.string()),
  counts: s.array(s.integer()),
  "property.*": s.string({ maxLength: 5 }),
});

test("parameters are converted by their types, and defaults are filled in", () => {
  assert.deepEqual(read(""), { limit: 10 });
  assert.deepEqual(
    read("name=7&limit=100&price=-1.5e1&deep=true&kind=b&tags=x&tags=y&counts=2&property.p.q=1"),
    {
      name: "7",
      limit: 100,
      price: -15,
      deep: true,
      kind: "b",
      tags: ["x", "y"],
      counts: [2],
      "property.p.q": "1",
    },
  );
});

const refused: Readonly<Record<string, readonly [query: string, pointer: string]>> = {
  "an unknown name": ["nam=1", "nam"],
  "the prototype of objects": ["__proto__=1", "__proto__"],
  "the constructor of objects": ["constructor=1", "constructor"],
  "a method of objects": ["toString=1", "toString"],
  "a single parameter twice": ["name=a&name=a", "name"],
  "a number twice": ["limit=1&limit=1", "limit"],
  "a long text": ["name=abcdef", "name"],
  "a fraction for an integer": ["limit=1.5", "limit"],
  "an integer too large": ["limit=101", "limit"],
  "a huge integer": ["limit=99999999999999999999", "limit"],
  "an empty number": ["limit=", "limit"],
  "a space before a number": ["limit=+7", "limit"],
  hexadecimal: ["limit=0x10", "limit"],
  Infinity: ["price=Infinity", "price"],
  "-Infinity": ["price=-Infinity", "price"],
  NaN: ["price=NaN", "price"],
  "1e400": ["price=1e400", "price"],
  "a leading zero": ["limit=01", "limit"],
  "a word for a boolean": ["deep=1", "deep"],
  "a word for an integer in a list": ["counts=1&counts=x", "counts"],
  "a value that is not in the list": ["kind=c", "kind"],
  "a prefix with a long value": ["property.x=abcdef", "property.x"],
};
for (const [name, [query, pointer]] of Object.entries(refused)) {
  test(`${name} is a 400 that names the parameter`, () => {
    assert.throws(
      () => read(query),
      (error) =>
        error instanceof WeirError &&
        error.code === "invalid_query" &&
        error.options.errors?.[0]?.pointer === pointer,
    );
  });
}

test("a route without parameters refuses every name", () => {
  const none = queryReader({});
  assert.deepEqual(none(""), {});
  assert.deepEqual(none("&"), {});
  assert.throws(() => none("a=1"), /unknown name; known are none/);
});

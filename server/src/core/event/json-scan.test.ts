import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { objectMembers } from "./json-members.ts";
import { pointerAt } from "./json-pointer.ts";
import { type Element, type Malformed, scanSingle, splitArray, splitLines } from "./json-scan.ts";

const bytes = (text: string) => Buffer.from(text);
const textOf = (body: Buffer, { start, end }: Element) => body.toString("utf8", start, end);

function elements(scanned: Element[] | Malformed): Element[] {
  assert.ok(Array.isArray(scanned), JSON.stringify(scanned));
  return scanned;
}

function single(text: string): Element {
  const found = scanSingle(bytes(text));
  assert.ok(!("malformed" in found), JSON.stringify(found));
  return found;
}

const json = fc.json({ maxDepth: 6 });
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

test("an array is split into exactly the bytes of its elements, whatever they contain", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(space, json, space)), space, (parts, outer) => {
      const inner = parts.map(([before, text, after]) => before + text + after).join(",");
      const body = bytes(`${outer}[${inner}]${outer}`);
      const found = elements(splitArray(body, 1_000));
      assert.deepEqual(
        found.map((one) => textOf(body, one)),
        parts.map(([, text]) => text),
      );
      assert.ok(found.every(({ flaw }) => flaw === undefined));
    }),
    { numRuns: 500 },
  );
});

test("lines are split in the same way, without empty lines", () => {
  fc.assert(
    fc.property(
      fc.array(json),
      fc.constantFrom("\n", "\r\n", "\n\n", " \n\t\r\n"),
      (parts, end) => {
        const body = bytes(parts.join(end) + end);
        assert.deepEqual(
          splitLines(body, 1_000).map((one) => textOf(body, one)),
          parts,
        );
      },
    ),
  );
});

test("a broken line affects only itself", () => {
  const body = bytes('{"a":1}\n{"b":[1\n"c\n{"d":2}');
  const found = splitLines(body, 10).map((one) => textOf(body, one));
  assert.deepEqual(found, ['{"a":1}', '{"b":[1', '"c', '{"d":2}']);
});

test("no bytes at all make the scan throw, hang or read past its range", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      const body = Buffer.from(random);
      for (const found of [splitArray(body, 5), splitLines(body, 5), [scanSingle(body)]]) {
        for (const one of Array.isArray(found) ? found : []) {
          if (!("malformed" in one)) assert.ok(one.start < one.end && one.end <= body.length);
        }
      }
      objectMembers(body);
    }),
    { numRuns: 2_000 },
  );
});

test("random cuts and swaps of JSON text do not make the scan fail", () => {
  const alphabet = fc.constantFrom(...'{}[]",:\\u0dD8 1-.eE\n\t\0tnfx');
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 60 }), (signs) => {
      const body = bytes(signs.join(""));
      splitArray(body, 5);
      scanSingle(body);
      objectMembers(body);
      pointerAt(body, 0, body.length >> 1);
    }),
    { numRuns: 5_000 },
  );
});

test("every value that JSON.parse accepts is one element of the scan", () => {
  fc.assert(
    fc.property(json, (text) => {
      const found = single(` ${text}\n`);
      assert.equal(found.start, 1);
      assert.equal(found.end, bytes(text).length + 1);
    }),
  );
});

test("nested members are counted, and nothing inside strings", () => {
  assert.equal(single('{"a":{"b":1,"c:":":"},"d":[{"e":2}]}').members, 5);
  assert.equal(single('[1,2,"::"]').members, 0);
});

test("a broken structure makes the whole body malformed", () => {
  for (const text of [
    "",
    "  ",
    "{}",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1]]",
    "[1] 2",
    '["a]',
    '[{"a":[1}]',
    '[{"a":1]]',
    "[{]}",
    '{"events":[]}',
  ]) {
    assert.ok("malformed" in splitArray(bytes(text), 10), text);
  }
  assert.deepEqual(splitArray(bytes(" [ ] "), 10), []);
});

test("a flaw inside an element is noted with it, and the others stay clean", () => {
  const cases: [string, Element["flaw"]][] = [
    ['"\\u0000"', "nul"],
    ['"\\\\u0000"', undefined],
    ['"\\\\\\u0000"', "nul"],
    ['"\\ud800"', "surrogate"],
    ['"\\udc00"', "surrogate"],
    ['"\\ud800\\udc00"', undefined],
    ['"\\ud800\\ud800\\udc00"', "surrogate"],
    ['"\\ud800\\\\udc00"', "surrogate"],
    ['"\\uD8"', undefined],
    ['"a\nb"', "control"],
    ["1e309", "number_range"],
    ["-1e309", "number_range"],
    ["1e308", undefined],
    ["1e-400", "number_range"],
    ["0e-400", undefined],
    ["0.0e5", undefined],
    ["5e-324", undefined],
    ["9".repeat(128), undefined],
    ["9".repeat(129), "number_length"],
    ["[".repeat(64) + "]".repeat(64), undefined],
    ["[".repeat(65) + "]".repeat(65), "depth"],
    ["[".repeat(5_000) + "]".repeat(5_000), "depth"],
  ];
  for (const [text, flaw] of cases) {
    const found = elements(splitArray(bytes(`[1,${text},"x"]`), 10));
    assert.deepEqual(
      found.map((one) => one.flaw),
      [undefined, flaw, undefined],
      text.slice(0, 60),
    );
  }
});

test("numbers with too many digits for a double are marked", () => {
  assert.equal(single("[123456789012345]").longNumbers, false);
  assert.equal(single("[1234567890123456]").longNumbers, true);
  assert.equal(single("[0.1, -12.5e3, 1]").longNumbers, false);
  assert.equal(single('["1234567890123456789"]').longNumbers, false);
});

test("elements beyond the limit are not scanned", () => {
  assert.equal(elements(splitArray(bytes(`[${"1,".repeat(5_000)}1]`), 10)).length, 11);
  assert.equal(splitLines(bytes("1\n".repeat(5_000)), 10).length, 11);
});

test("a byte order mark is not part of the body", () => {
  const body = bytes('\ufeff[{"a":1}]');
  assert.deepEqual(
    elements(splitArray(body, 5)).map((one) => textOf(body, one)),
    ['{"a":1}'],
  );
});

test("a pointer names the member that contains a byte", () => {
  const text = '{"a":1,"b":{"c d":[10,{"x/y~z":"HERE"},20]},"e":"THERE"}';
  const body = bytes(text);
  assert.equal(pointerAt(body, 0, text.indexOf("HERE")), "/b/c d/1/x~1y~0z");
  assert.equal(pointerAt(body, 0, text.indexOf("THERE")), "/e");
  assert.equal(pointerAt(body, 0, text.indexOf("20")), "/b/c d/2");
  assert.equal(pointerAt(body, 0, 0), "");
});

test("the members of an object are found with the bytes of their values", () => {
  const body = bytes(' {"a" : [1, 2] ,"b":"x","c":{"a":0}} ');
  assert.deepEqual(
    objectMembers(body)?.map(({ name, value }) => [name, textOf(body, value)]),
    [
      ["a", "[1, 2]"],
      ["b", '"x"'],
      ["c", '{"a":0}'],
    ],
  );
  assert.deepEqual(objectMembers(bytes("{}")), []);
  for (const text of [
    "",
    "[]",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    "{a:1}",
    '{"a":1 "b":2}',
  ]) {
    assert.equal(objectMembers(bytes(text)), undefined, text);
  }
});

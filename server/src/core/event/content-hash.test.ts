import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contentHash } from "./content-hash.ts";

function hex(bytes: Buffer, start = 0, end = bytes.length): string {
  const { high, low } = contentHash(bytes, start, end);
  const out = Buffer.alloc(8);
  out.writeUInt32LE(high, 0);
  out.writeUInt32LE(low, 4);
  return out.toString("hex");
}

test("it is the first half of MurmurHash3 x86_128", () => {
  // from mmh3 5.2 for Python: mmh3.hash_bytes(text, 0, x64arch=False)
  for (const [text, expected] of [
    ["", "0000000000000000"],
    ["a", "3c9394a71bb05655"],
    ["hello", "a044242bf7de91db"],
    ["0123456789abcde", "6dc4763cc018084d"],
    ["0123456789abcdef", "09447dfb0ad3ae36"],
    ["The quick brown fox jumps over the lazy dog", "c383152f672ceeec"],
  ] as const) {
    assert.equal(hex(Buffer.from(text)), expected, text);
  }
  assert.equal(hex(Buffer.from(Array.from({ length: 256 }, (_, n) => n))), "8fc8562cdf0345db");
});

test("only the bytes of the range count, at any offset", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (before, content, after) => {
      const body = Buffer.concat([before, content, after]);
      assert.equal(
        hex(body, before.length, before.length + content.length),
        hex(Buffer.from(content)),
      );
    }),
  );
});

test("events that differ in one character do not collide", () => {
  const seen = new Set<string>();
  const body = Buffer.from(
    '{"event_id":"order-0000000","event_type":"purchase","properties":{"revenue":0000000}}',
  );
  const [a, b] = [body.indexOf("0000000"), body.lastIndexOf("0000000")];
  let count = 0;
  for (let n = 0; n < 300_000; n++) {
    body.write(String(n % 1_000).padStart(7, "0"), a, "latin1");
    body.write(String(Math.floor(n / 1_000)).padStart(7, "0"), b, "latin1");
    seen.add(hex(body));
    count++;
  }
  assert.equal(seen.size, count);
});

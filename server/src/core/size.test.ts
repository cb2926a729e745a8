import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSize, parseSize, sizePattern } from "./size.ts";

test("sizes are read with decimal and binary units, and written for people", () => {
  const sizes: Readonly<Record<string, number>> = {
    "0B": 0,
    "1048576": 1_048_576,
    "64 MiB": 67_108_864,
    "64MB": 64_000_000,
    "1.5GiB": 1_610_612_736,
    "2 kB": 2_000,
    "10K": 10_000,
  };
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(parseSize(text), bytes, text);
    assert.match(text, new RegExp(sizePattern));
  }
  for (const text of ["", "MB", "-1", "1e9", "5 %", "1 PB", "1 mib", " 1", "1 B "]) {
    assert.throws(() => parseSize(text), RangeError, text);
    assert.doesNotMatch(text, new RegExp(sizePattern));
  }
  assert.equal(formatSize(512), "512 bytes");
  assert.equal(formatSize(1_610_612_736), "1.50 GiB");
  assert.equal(formatSize(200 * 2 ** 20), "200 MiB");
});

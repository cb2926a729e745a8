import assert from "node:assert/strict";
import { test } from "node:test";
import { isFrozen, readVitals } from "./vitals.ts";

const limitMs = 7_000;
const before = { cpuMs: 1_000, states: "SSS" };
const judge = (states: string, cpuMs: number, other: { ms?: number; isStarting?: boolean } = {}) =>
  isFrozen({
    ms: limitMs,
    limitMs,
    isStarting: false,
    ...other,
    before,
    now: { cpuMs: before.cpuMs + cpuMs, states },
  });

test("stopped, computing without end, or blocked is frozen; waiting for CPU or a disk is not", () => {
  assert.equal(judge("TTT", 0), true);
  assert.equal(judge("RSS", 5_000), true);
  assert.equal(judge("SSS", 0), true);
  assert.equal(judge("RSS", 1_300), false);
  assert.equal(judge("RSS", 1_500), true);
  assert.equal(judge("RSS", 2_700, { isStarting: true }), false);
  assert.equal(judge("RSS", 2_900, { isStarting: true }), true);
  assert.equal(judge("SSR", 0), false);
  assert.equal(judge("DSS", 0), false);
});

test("a minute of silence is too long for any process, and without /proc the limit alone decides", () => {
  assert.equal(judge("RSS", 0, { ms: 59_000 }), false);
  assert.equal(judge("RSS", 0, { ms: 60_000 }), true);
  assert.equal(
    isFrozen({ ms: limitMs, limitMs, isStarting: false, before: undefined, now: undefined }),
    true,
  );
});

test("the vitals of a process are its threads' states and CPU time", {
  skip: process.platform !== "linux",
}, () => {
  const first = readVitals(process.pid);
  const until = performance.now() + 100;
  while (performance.now() < until);
  const second = readVitals(process.pid);
  assert.match(second?.states ?? "", /^[A-Z]*R[A-Z]*$/);
  assert.ok((second?.cpuMs ?? 0) >= (first?.cpuMs ?? Number.NaN));
  assert.equal(readVitals(2 ** 22 + 1), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { uuidOfText } from "../core/uuid.ts";
import {
  addLogs,
  compactBought,
  compactInterest,
  countProducts,
  decodeIds,
  decodeInterest,
  encodeIds,
  encodeInterest,
  interestVector,
  logWeight,
  productsOf,
} from "./interest.ts";

const day = 86_400_000;
const halfLife = 14 * day;

test("a weight halves every half-life", () => {
  const now = Date.UTC(2026, 5, 1);
  const old = logWeight(3, now - halfLife, halfLife);
  assert.ok(Math.abs(logWeight(3, now, halfLife) - old - 1) < 1e-9);
});

test("weights add up to the same in any order, late ones included", () => {
  const event = fc.record({
    weight: fc.constantFrom(1, 3, 5),
    at: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2050, 0, 1) }),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 20 }), (events) => {
      const sum = (list: typeof events) =>
        list.reduce(
          (total, { weight, at }) => addLogs(total, logWeight(weight, at, halfLife)),
          Number.NEGATIVE_INFINITY,
        );
      const newest = Math.max(...events.map(({ at }) => at));
      const naive = events.reduce(
        (total, { weight, at }) => total + weight * 2 ** ((at - newest) / halfLife),
        0,
      );
      const forward = sum(events);
      assert.ok(Math.abs(forward - sum(events.toReversed())) < 1e-9);
      assert.ok(Math.abs(forward - logWeight(naive, newest, halfLife)) < 1e-9);
    }),
  );
});

test("interests and ids survive being written and read", () => {
  const interest = new Map([
    [uuidOfText("a"), 12.5],
    [uuidOfText("b"), -3.25],
  ]);
  assert.deepEqual(decodeInterest(encodeInterest(interest)), interest);
  const ids = [uuidOfText("x"), uuidOfText("y")];
  assert.deepEqual(decodeIds(encodeIds(ids)), ids);
});

test("written again, each product stands once, and of many the weightiest stay", () => {
  const many = new Map(Array.from({ length: 100 }, (_, n) => [uuidOfText(String(n)), n]));
  const again = new Map([
    [uuidOfText("3"), 99],
    [uuidOfText("99"), 99],
  ]);
  const kept = decodeInterest(
    compactInterest(Buffer.concat([encodeInterest(many), encodeInterest(again)])),
  );
  assert.equal(kept.size, 32);
  assert.equal(Math.min(...kept.values()), 69);
  assert.ok(kept.has(uuidOfText("3")));
  // twice the weight: one more as a logarithm
  assert.equal(kept.get(uuidOfText("99")), 100);
});

test("what was bought again is the newest, and of very much the newest stays", () => {
  const ids = Array.from({ length: 600 }, (_, n) => uuidOfText(String(n)));
  const [first = ""] = ids;
  const kept = decodeIds(compactBought(encodeIds([...ids, first])));
  assert.equal(kept.length, 512);
  assert.equal(kept.at(-1), first);
  assert.ok(!kept.includes(uuidOfText("1")));
});

test("a taste that names products twice is the same as the one written again", () => {
  const twice = Buffer.concat(
    [
      [uuidOfText("a"), 2] as const,
      [uuidOfText("b"), 3] as const,
      [uuidOfText("a"), 2] as const,
    ].map((entry) => encodeInterest(new Map([entry]))),
  );
  const vectorOf = (product: string) =>
    product === uuidOfText("a").replaceAll("-", "") ? Float32Array.of(1, 0) : Float32Array.of(0, 1);
  assert.equal(countProducts(twice), 2);
  assert.deepEqual(
    interestVector(twice, vectorOf),
    interestVector(compactInterest(twice), vectorOf),
  );
});

test("the vector is the weighted mean, of length one, of the products that have one", () => {
  const hex = (name: string) => uuidOfText(name).replaceAll("-", "");
  const vectors = new Map([
    [hex("a"), Float32Array.of(1, 0)],
    [hex("b"), Float32Array.of(0, 1)],
  ]);
  const items = encodeInterest(
    new Map([
      [uuidOfText("a"), 1_000 + Math.log2(3)],
      [uuidOfText("b"), 1_000 + Math.log2(4)],
      [uuidOfText("unknown"), 1_005],
    ]),
  );
  assert.deepEqual([...productsOf(items)], ["a", "b", "unknown"].map(hex));
  assert.equal(countProducts(items), 3);
  const vector = interestVector(items, (product) => vectors.get(product));
  assert.ok(vector !== undefined);
  assert.ok(Math.abs((vector[0] as number) - 0.6) < 1e-6, String(vector));
  assert.ok(Math.abs((vector[1] as number) - 0.8) < 1e-6, String(vector));
  assert.equal(
    interestVector(items, () => undefined),
    undefined,
  );
});

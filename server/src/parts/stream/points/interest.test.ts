import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addLogs,
  addProducts,
  compactBought,
  compactInterest,
  countProducts,
  decodeInterest,
  decodeNumbers,
  encodeInterest,
  encodeNumbers,
  interestVector,
  logWeight,
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

function encode(...entries: readonly (readonly [product: number, weight: number])[]): Buffer {
  return encodeInterest(new Map(entries), (product) => product);
}

test("interests and numbers survive being written and read", () => {
  const names = new Map([
    ["a", 12.5],
    ["b", -3.25],
  ]);
  const numbers = new Map([
    ["a", 1],
    ["b", 2 ** 31 - 1],
  ]);
  const items = encodeInterest(names, (name) => numbers.get(name) as number);
  assert.deepEqual(
    decodeInterest(items),
    new Map([
      [1, 12.5],
      [2 ** 31 - 1, -3.25],
    ]),
  );
  assert.deepEqual(decodeNumbers(encodeNumbers([7, 2 ** 31 - 1])), [7, 2 ** 31 - 1]);
});

test("a compacted interest has each product once, and of many the highest weights", () => {
  const many = Array.from({ length: 100 }, (_, n) => [n, n] as const);
  const again = encode([3, 99], [99, 99]);
  const kept = decodeInterest(compactInterest(Buffer.concat([again, encode(...many)])));
  assert.equal(kept.size, 32);
  assert.equal(Math.min(...kept.values()), 69);
  assert.ok(kept.has(3));
  // twice the weight: one more as a logarithm
  assert.equal(kept.get(99), 100);
});

test("a product bought again is the newest, and of very many the newest are kept", () => {
  const numbers = Array.from({ length: 600 }, (_, n) => n);
  const kept = decodeNumbers(compactBought(encodeNumbers([...numbers, 0])));
  assert.equal(kept.length, 512);
  assert.equal(kept.at(-1), 0);
  assert.ok(!kept.includes(1));
});

test("an interest with repeated products equals the compacted one", () => {
  const twice = Buffer.concat([encode([1, 2]), encode([2, 3]), encode([1, 2])]);
  const vectorOf = (product: number) =>
    product === 1 ? Float32Array.of(1, 0) : Float32Array.of(0, 1);
  assert.equal(countProducts(twice), 2);
  assert.deepEqual(
    interestVector(twice, vectorOf),
    interestVector(compactInterest(twice), vectorOf),
  );
});

test("the vector is the weighted mean, of length one, of the products that have one", () => {
  const vectors = new Map([
    [1, Float32Array.of(1, 0)],
    [2, Float32Array.of(0, 1)],
  ]);
  const items = encode([1, 1_000 + Math.log2(3)], [2, 1_000 + Math.log2(4)], [3, 1_005]);
  const products = new Set<number>();
  addProducts(items, products);
  assert.deepEqual([...products], [1, 2, 3]);
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

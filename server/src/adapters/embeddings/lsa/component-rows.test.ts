import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandomBits } from "../../../core/random.ts";
import { ComponentRows } from "./component-rows.ts";
import type { LsaModel } from "./model.ts";
import { lsaParameters } from "./parameters.ts";

const features = 500;

function makeModel(dimension: number): LsaModel {
  const bits = createRandomBits(dimension);
  const number = () => bits() / 2 ** 31 - 1;
  return {
    kind: "lsa",
    parameters: lsaParameters,
    dimension,
    corpusTexts: 0,
    idf: Float32Array.from({ length: features }, () => 2 + number()),
    components: Float32Array.from({ length: features * dimension }, number),
  };
}

/** Against the same in float64; every number that is added may be off by half a step of its 8 bits. */
function assertSum(sum: Float32Array, model: LsaModel, list: readonly number[]): void {
  const { idf, components, dimension } = model;
  assert.equal(sum.length, dimension);
  for (const [d, entry] of sum.entries()) {
    let expected = 0;
    let bound = 1e-6;
    for (const row of list) {
      const added = (idf[row] as number) * (components[row * dimension + d] as number);
      expected += added;
      bound += Math.abs(added) / 2 ** 8 + 1e-6;
    }
    assert.ok(Math.abs(entry - expected) <= bound, `${d}: ${entry} is not ${expected}`);
  }
}

test("a sum is that of idf times components, of any number of rows and dimensions", () => {
  for (const dimension of [1, 4, 40, 61, 192]) {
    const model = makeModel(dimension);
    const rows = new ComponentRows(model);
    for (const count of [0, 1, 7, 8, 9, 500]) {
      const list = Array.from({ length: count }, (_, at) => (at * 7 + count) % features);
      rows.start();
      rows.list.set(list);
      rows.add(count);
      assertSum(rows.sum(), model, list);
    }
  }
});

test("a sum continues over several lists, also over one that outgrows the memory", () => {
  const model = makeModel(24);
  const rows = new ComponentRows(model);
  const lists = [5, rows.list.length + 1, 3 * 16_384].map((length) =>
    Array.from({ length }, (_, at) => (at * at) % features),
  );
  rows.start();
  for (const list of lists) {
    rows.reserve(list.length);
    rows.list.set(list);
    rows.add(list.length);
  }
  assertSum(rows.sum(), model, lists.flat());
});

test("the content of the list is kept when it grows", () => {
  const rows = new ComponentRows(makeModel(8));
  rows.list.set([3, 1, 4]);
  rows.reserve(rows.list.length + 1);
  assert.deepEqual([...rows.list.subarray(0, 3)], [3, 1, 4]);
});

test("numbers are rounded to the nearest of bfloat16, half to even", () => {
  const components = Float32Array.of(
    1,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
    1 + 2 ** -8 + 2 ** -20,
    -1 / 3,
  );
  const idf = Float32Array.of(1);
  const rows = new ComponentRows({ ...makeModel(5), idf, components });
  rows.list[0] = 0;
  rows.add(1);
  assert.deepEqual([...rows.sum()], [1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -0.333984375]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandomBits } from "../../../core/random.ts";
import { finish } from "./interruptible.ts";
import { symmetricEigen } from "./symmetric-eigen.ts";
import { type SparseMatrix, truncatedSvd } from "./truncated-svd.ts";

const near = (a: number, b: number, tolerance = 1e-3) =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

function sparse(rows: readonly (readonly number[])[]): SparseMatrix {
  const starts = [0];
  const indexes: number[] = [];
  const values: number[] = [];
  for (const row of rows) {
    for (const [column, value] of row.entries()) {
      if (value === 0) continue;
      indexes.push(column);
      values.push(value);
    }
    starts.push(indexes.length);
  }
  return {
    columns: rows[0]?.length ?? 0,
    starts: Uint32Array.from(starts),
    indexes: Uint16Array.from(indexes),
    values: Float32Array.from(values),
  };
}

const svd = (...parameters: Parameters<typeof truncatedSvd>) => finish(truncatedSvd(...parameters));

test("eigenvectors of a symmetric matrix", () => {
  const size = 40;
  const bits = createRandomBits(5);
  const matrix = new Float64Array(size * size);
  for (let r = 0; r < size; r++) {
    for (let c = 0; c <= r; c++) {
      matrix[r * size + c] = bits() / 2 ** 31 - 1;
      matrix[c * size + r] = matrix[r * size + c] as number;
    }
  }
  const { values, vectors } = finish(symmetricEigen(matrix, size));
  for (let n = 0; n < size; n++) {
    if (n > 0) assert.ok((values[n - 1] as number) >= (values[n] as number));
    for (let r = 0; r < size; r++) {
      let image = 0;
      for (let c = 0; c < size; c++) {
        image += (matrix[r * size + c] as number) * (vectors[c * size + n] as number);
      }
      near(image, (values[n] as number) * (vectors[r * size + n] as number), 1e-9);
    }
  }
});

test("singular values and vectors of a matrix that is known", () => {
  // orthogonal blocks: singular values sqrt(2)*3, 2, 1
  const found = svd(
    sparse([
      [3, 0, 0, 0],
      [3, 0, 0, 0],
      [0, 0, 2, 0],
      [0, 1, 0, 0],
    ]),
    { rank: 3, seed: 1, iterations: 5 },
  );
  assert.equal(found.rank, 3);
  for (const [n, value] of [3 * Math.SQRT2, 2, 1].entries())
    near(found.singularValues[n] ?? 0, value);
  near(Math.abs(found.rightVectors[0] as number), 1);
  near(Math.abs(found.rightVectors[2 * 3 + 1] as number), 1);
  near(Math.abs(found.rightVectors[1 * 3 + 2] as number), 1);
});

test("directions that a matrix does not have are left out", () => {
  const row = [1, 2, 0, 1, 0, 0, 0, 5];
  const other = [0, 0, 1, 0, 4, 0, 0, 0];
  const found = svd(sparse([row, other, row, row, other]), {
    rank: 4,
    seed: 1,
    iterations: 5,
  });
  assert.equal(found.rank, 2);
  near(found.singularValues[0] ?? 0, Math.sqrt(3 * 31));
  near(found.singularValues[1] ?? 0, Math.sqrt(2 * 17));
});

test("a matrix without rows or entries has rank 0", () => {
  assert.equal(
    svd({ ...sparse([[0, 0]]), starts: Uint32Array.of(0) }, { rank: 2, seed: 1, iterations: 2 })
      .rank,
    0,
  );
  assert.equal(
    svd(
      sparse([
        [0, 0],
        [0, 0],
      ]),
      { rank: 2, seed: 1, iterations: 2 },
    ).rank,
    0,
  );
});

/**
 * Randomised truncated SVD of a sparse matrix (Halko, Martinsson, Tropp 2011, algorithm 4.4), made for many
 * more columns than requested: it keeps two blocks of columns x rank and nothing of the size of the rows.
 */

import { createRandomBits } from "../../../core/random.ts";
import type { Interruptible } from "./interruptible.ts";
import { symmetricEigen } from "./symmetric-eigen.ts";

/** Compressed sparse rows. */
export interface SparseMatrix {
  readonly columns: number;
  /** Where each row begins in the other two, and where the last one ends. */
  readonly starts: Uint32Array;
  readonly indexes: Uint16Array | Uint32Array;
  readonly values: Float32Array;
}

export interface TruncatedSvd {
  /** At most as many as requested: columns without weight are left out. */
  readonly rank: number;
  /** Falling. */
  readonly singularValues: Float64Array;
  /** `rank` for each column of the matrix, one column after the other. */
  readonly rightVectors: Float32Array;
}

/** More than requested, so that the last requested ones are accurate. */
const oversampling = 16;
/** A direction this much weaker than the strongest is rounding. */
const negligible = 1e-10;

/** @param iterations passes over the matrix; 2 are enough where only the space matters. */
export function* truncatedSvd(
  matrix: SparseMatrix,
  options: { readonly rank: number; readonly seed: number; readonly iterations: number },
): Interruptible<TruncatedSvd> {
  const { columns } = matrix;
  const width = Math.min(options.rank + oversampling, columns, matrix.starts.length - 1);
  let basis = randomBlock(columns, width, options.seed);
  for (let pass = 0; pass < options.iterations; pass++) {
    const image = yield* multiplyTwice(matrix, basis, width);
    basis = yield* orthonormalise(image, width);
  }
  // Rayleigh-Ritz: of the space found, the directions that are singular vectors of the matrix
  const gram = yield* gramOfImage(matrix, basis, width);
  const { values, vectors } = yield* symmetricEigen(gram, width);
  const strongest = values[0] ?? 0;
  let rank = Math.min(options.rank, width);
  while (rank > 0 && !((values[rank - 1] as number) > strongest * negligible)) rank--;
  return {
    rank,
    singularValues: values.subarray(0, rank).map(Math.sqrt),
    rightVectors: yield* rotate(basis, vectors, { width, kept: rank }),
  };
}

function randomBlock(rows: number, width: number, seed: number): Float32Array {
  const nextBits = createRandomBits(seed);
  return Float32Array.from({ length: rows * width }, () => nextBits() / 2 ** 31 - 1);
}

/** XᵀX·B, row by row of X, so that X·B is never held. */
function* multiplyTwice(
  matrix: SparseMatrix,
  block: Float32Array,
  width: number,
): Interruptible<Float32Array> {
  const result = new Float32Array(block.length);
  const image = new Float64Array(width);
  for (let row = 0; row + 1 < matrix.starts.length; row++) {
    imageOfRow(matrix, row, { block, image });
    addImage(matrix, row, { result, image });
    yield;
  }
  return result;
}

/** The other half of a row's part in XᵀX·B. */
function addImage(
  { starts, indexes, values }: SparseMatrix,
  row: number,
  { result, image }: { readonly result: Float32Array; readonly image: Float64Array },
): void {
  const width = image.length;
  const end = starts[row + 1] as number;
  for (let at = starts[row] as number; at < end; at++) {
    const to = (indexes[at] as number) * width;
    const value = values[at] as number;
    for (let c = 0; c < width; c++) (result[to + c] as number) += value * (image[c] as number);
  }
}

function imageOfRow(
  { starts, indexes, values }: SparseMatrix,
  row: number,
  { block, image }: { readonly block: Float32Array; readonly image: Float64Array },
): void {
  const width = image.length;
  const end = starts[row + 1] as number;
  image.fill(0);
  for (let at = starts[row] as number; at < end; at++) {
    const from = (indexes[at] as number) * width;
    const value = values[at] as number;
    for (let c = 0; c < width; c++) (image[c] as number) += value * (block[from + c] as number);
  }
}

/** (X·B)ᵀ(X·B), square, `width` a side. */
function* gramOfImage(
  matrix: SparseMatrix,
  block: Float32Array,
  width: number,
): Interruptible<Float64Array> {
  const gram = new Float64Array(width * width);
  const image = new Float64Array(width);
  for (let row = 0; row + 1 < matrix.starts.length; row++) {
    imageOfRow(matrix, row, { block, image });
    addOuterProduct(gram, image);
    yield;
  }
  mirror(gram, width);
  return gram;
}

function* gramOf(block: Float32Array, width: number): Interruptible<Float64Array> {
  const gram = new Float64Array(width * width);
  for (let at = 0; at < block.length; at += width) {
    addOuterProduct(gram, block.subarray(at, at + width));
    yield;
  }
  mirror(gram, width);
  return gram;
}

/** Of the upper half. */
function addOuterProduct(gram: Float64Array, row: Float32Array | Float64Array): void {
  const width = row.length;
  for (let r = 0; r < width; r++) {
    const value = row[r] as number;
    if (value === 0) continue;
    const to = r * width;
    for (let c = r; c < width; c++) (gram[to + c] as number) += value * (row[c] as number);
  }
}

function mirror(gram: Float64Array, width: number): void {
  for (let r = 0; r < width; r++) {
    for (let c = 0; c < r; c++) gram[r * width + c] = gram[c * width + r] as number;
  }
}

/**
 * An orthonormal basis of the block's columns, by the eigenvectors of its Gram matrix: unlike Gram-Schmidt or
 * Cholesky it bears columns that depend on each other, which a corpus with few texts has; they become zero.
 */
function* orthonormalise(block: Float32Array, width: number): Interruptible<Float32Array> {
  const { values, vectors } = yield* symmetricEigen(yield* gramOf(block, width), width);
  const strongest = values[0] as number;
  for (let c = 0; c < width; c++) {
    const value = values[c] as number;
    const factor = value > strongest * negligible ** 2 ? 1 / Math.sqrt(value) : 0;
    for (let r = 0; r < width; r++) (vectors[r * width + c] as number) *= factor;
  }
  return yield* rotate(block, vectors, { width, kept: width });
}

/**
 * block · (the first `kept` columns of `vectors`). Most of a fit's time: four products at a time, as a sum that
 * is read and written for each of them costs more than the product. Added in the same order as one by one.
 */
function* rotate(
  block: Float32Array,
  vectors: Float64Array,
  { width, kept }: { readonly width: number; readonly kept: number },
): Interruptible<Float32Array> {
  const rows = block.length / width;
  const result = new Float32Array(rows * kept);
  const sum = new Float64Array(kept);
  for (let row = 0; row < rows; row++) {
    const from = row * width;
    // features that no text has
    if (isZero(block, from, from + width)) continue;
    rotateRow(sum, vectors, { block, from, width });
    result.set(sum, row * kept);
    yield;
  }
  return result;
}

function rotateRow(
  sum: Float64Array,
  vectors: Float64Array,
  {
    block,
    from,
    width,
  }: { readonly block: Float32Array; readonly from: number; readonly width: number },
): void {
  const whole = width - (width % 4);
  sum.fill(0);
  for (let r = 0; r < whole; r += 4) addFour(sum, vectors, { block, from, width, r });
  for (let r = whole; r < width; r++) {
    const value = block[from + r] as number;
    for (let c = 0; c < sum.length; c++)
      (sum[c] as number) += value * (vectors[r * width + c] as number);
  }
}

function isZero(block: Float32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (block[at] !== 0) return false;
  return true;
}

function addFour(
  sum: Float64Array,
  vectors: Float64Array,
  at: {
    readonly block: Float32Array;
    readonly from: number;
    readonly width: number;
    readonly r: number;
  },
): void {
  const { block, from, width, r } = at;
  const a = block[from + r] as number;
  const b = block[from + r + 1] as number;
  const c = block[from + r + 2] as number;
  const d = block[from + r + 3] as number;
  const first = r * width;
  const second = first + width;
  const third = second + width;
  const fourth = third + width;
  for (let n = 0; n < sum.length; n++) {
    sum[n] =
      (sum[n] as number) +
      a * (vectors[first + n] as number) +
      b * (vectors[second + n] as number) +
      c * (vectors[third + n] as number) +
      d * (vectors[fourth + n] as number);
  }
}

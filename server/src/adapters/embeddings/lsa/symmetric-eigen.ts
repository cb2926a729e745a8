import type { Interruptible } from "./interruptible.ts";

export interface Eigen {
  /** Falling. */
  readonly values: Float64Array;
  /** Column `c` belongs to value `c`; row by row. */
  readonly vectors: Float64Array;
}

const mostSweeps = 30;

/** Eigenvalues and eigenvectors of a symmetric matrix, `size` a side, by cyclic Jacobi rotations. */
export function* symmetricEigen(matrix: Float64Array, size: number): Interruptible<Eigen> {
  const a = matrix.slice();
  // the eigenvectors as rows: a rotation then runs along memory
  const v = new Float64Array(size * size);
  for (let n = 0; n < size; n++) v[n * size + n] = 1;
  let norm = 0;
  for (const value of a) norm += value * value;
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let outside = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) outside += (a[p * size + q] as number) ** 2;
    }
    if (outside <= norm * 1e-26) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotatePair(a, v, { size, p, q });
      yield;
    }
  }
  const order = Array.from({ length: size }, (_, n) => n).sort(
    (x, y) => (a[y * size + y] as number) - (a[x * size + x] as number),
  );
  const values = Float64Array.from(order, (n) => a[n * size + n] as number);
  const vectors = new Float64Array(size * size);
  for (const [c, n] of order.entries()) {
    for (let r = 0; r < size; r++) vectors[r * size + c] = v[n * size + r] as number;
  }
  return { values, vectors };
}

function rotatePair(
  a: Float64Array,
  v: Float64Array,
  { size, p, q }: { readonly size: number; readonly p: number; readonly q: number },
): void {
  const between = a[p * size + q] as number;
  const atP = a[p * size + p] as number;
  const atQ = a[q * size + q] as number;
  if (between * between <= Math.abs(atP * atQ) * 1e-34 || between === 0) return;
  const theta = (atQ - atP) / (2 * between);
  const tangent = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  // both halves are kept: rows first, then the columns are their mirror
  const rowP = p * size;
  const rowQ = q * size;
  for (let n = 0; n < size; n++) {
    const x = a[rowP + n] as number;
    const y = a[rowQ + n] as number;
    a[rowP + n] = cosine * x - sine * y;
    a[rowQ + n] = sine * x + cosine * y;
    const s = v[rowP + n] as number;
    const t = v[rowQ + n] as number;
    v[rowP + n] = cosine * s - sine * t;
    v[rowQ + n] = sine * s + cosine * t;
  }
  for (let n = 0; n < size; n++) {
    a[n * size + p] = a[rowP + n] as number;
    a[n * size + q] = a[rowQ + n] as number;
  }
  a[rowP + p] = atP - tangent * between;
  a[rowQ + q] = atQ + tangent * between;
  a[rowP + q] = 0;
  a[rowQ + p] = 0;
}

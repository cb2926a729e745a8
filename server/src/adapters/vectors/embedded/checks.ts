/** What a caller may send, checked before anything is done. */
import { type Payload, type Point, VectorStoreError } from "../../../core/ports/vector-store.ts";
import { isCanonicalUuid } from "../../../core/uuid.ts";
import type { WritablePoint } from "./points.ts";

export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw invalid("limit must be a positive whole number");
}

/** @throws VectorStoreError `invalid`, `dimension_mismatch` */
export function toWritable(point: Point, dimension: number): WritablePoint {
  checkIds([point.id]);
  checkLength(point.vector, dimension);
  const { buffer, byteOffset, byteLength } = normalised(point.vector);
  return {
    id: point.id,
    vector: Buffer.from(buffer, byteOffset, byteLength),
    payload: toJson(point.payload),
  };
}

export function toJson(payload: Payload): string {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw invalid("a payload must be an object");
  }
  return JSON.stringify(payload);
}

export function checkIds(ids: readonly string[]): void {
  const wrong = ids.find((id) => !isCanonicalUuid(id));
  if (wrong !== undefined) throw invalid(`"${wrong.slice(0, 64)}" is not a canonical UUID`);
}

export function checkLength(vector: Float32Array, dimension: number): void {
  if (vector.length === dimension) return;
  throw new VectorStoreError(
    `The collection has ${dimension} dimensions, but the vector has ${vector.length}.`,
    { code: "dimension_mismatch" },
  );
}

/** Of length 1; zero remains zero, and its score is 0 with every vector. */
export function normalised(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const component of vector) squares += component * component;
  if (!Number.isFinite(squares)) throw invalid("a component of the vector is not a finite number");
  const length = Math.sqrt(squares);
  if (length === 0 || Math.abs(length - 1) < 1e-6) return vector;
  return vector.map((component) => component / length);
}

export function invalid(detail: string): VectorStoreError {
  return new VectorStoreError(`${detail[0]?.toUpperCase()}${detail.slice(1)}.`, {
    code: "invalid",
  });
}

/** Points as Qdrant sends and receives them. */
import {
  type Payload,
  type Point,
  type StoredPoint,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { isCanonicalUuid } from "../../../core/uuid.ts";

export interface BatchLimits {
  /** Maximum bytes of one upsert's body; default 8 MiB. Qdrant's own limit is 32 MiB. */
  readonly batchBytes?: number;
  /** Maximum points of one upsert; default 1,000. */
  readonly batchPoints?: number;
}

export interface QdrantPoint {
  readonly id: string;
  readonly payload?: Payload | null;
  readonly vector?: number[];
  readonly score?: number;
}

/** Bodies of upserts, in order, each within the limits; a single point may exceed them. */
export function* upsertBodies(points: readonly Point[], options: BatchLimits): Generator<string> {
  const { batchBytes = 8 * 1024 * 1024, batchPoints = 1_000 } = options;
  let batch: string[] = [];
  let bytes = 0;
  for (const { id, vector, payload } of points) {
    const text = JSON.stringify({ id, vector: normalised(vector), payload });
    const size = Buffer.byteLength(text) + 1;
    if (batch.length > 0 && (batch.length >= batchPoints || bytes + size > batchBytes)) {
      yield `{"points":[${batch.join(",")}]}`;
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  yield `{"points":[${batch.join(",")}]}`;
}

/** Qdrant computes squares in single precision, where a long vector overflows and becomes all zeros. */
export function normalised(vector: Float32Array): number[] {
  let squares = 0;
  for (const component of vector) squares += component * component;
  if (!Number.isFinite(squares)) {
    throw new VectorStoreError("A vector has a component that is not a finite number.", {
      code: "invalid",
    });
  }
  const length = Math.sqrt(squares);
  const isUnit = length === 0 || Math.abs(length - 1) < 1e-6;
  return Array.from(isUnit ? vector : vector.map((component) => component / length));
}

export function checkPoint({ id, vector }: Point, dimension: number): void {
  checkIds([id]);
  if (vector.length !== dimension) {
    throw new VectorStoreError(
      `The points of one upsert have vectors of ${dimension} and of ${vector.length} dimensions.`,
      { code: "dimension_mismatch" },
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw new VectorStoreError(`The vector of ${id} has a component that is not a finite number.`, {
      code: "invalid",
    });
  }
}

export function checkIds(ids: readonly string[]): readonly string[] {
  const wrong = ids.find((id) => !isCanonicalUuid(id));
  if (wrong === undefined) return ids;
  throw new VectorStoreError(`"${wrong.slice(0, 64)}" is not a canonical UUID.`, {
    code: "invalid",
  });
}

export function toPoint({ id, payload, vector }: QdrantPoint): StoredPoint {
  return {
    id,
    ...(payload === undefined ? {} : { payload: payload ?? {} }),
    ...(vector === undefined ? {} : { vector: Float32Array.from(vector) }),
  };
}

import { ArrayColumn, typeIds } from "../../../core/array-column.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import type { Payload } from "../../../core/ports/vector-store.ts";

export interface NewPoint {
  readonly id: string;
  /** Undefined keeps the vector of the existing point; a new point without a vector is not added. */
  readonly vector: Float32Array | undefined;
  readonly payload: Payload;
}

/** Writes points into vectors.points, which every vector store copies, as part of the caller's transaction. */
export async function putPoints(
  connection: Queryable,
  collectionId: number,
  points: readonly NewPoint[],
): Promise<void> {
  if (points.length === 0) return;
  const id = new ArrayColumn(typeIds.uuid);
  const vector = new ArrayColumn(typeIds.bytea);
  const payload = new ArrayColumn(typeIds.jsonb);
  const columns = [id, vector, payload];
  for (const column of columns) column.begin(points.length);
  for (const point of points) {
    id.uuid(point.id);
    if (point.vector === undefined) vector.null();
    else vector.buffer(bytesOf(point.vector));
    payload.jsonb(JSON.stringify(point.payload));
  }
  await connection.query({
    name: "stream_put_points",
    text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])",
    values: [collectionId, ...columns.map((column) => column.end())],
  });
}

/** float32, little endian: as in the memory of every machine that Weir runs on. */
export function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

export function vectorOf(bytes: Buffer): Float32Array {
  // a copy: the offset of a Buffer of the driver need not be a multiple of four
  return new Float32Array(new Uint8Array(bytes).buffer);
}

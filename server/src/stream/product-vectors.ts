/** The products' vectors that users' interests are made of, a bounded number of them in memory. */
import type { Queryable } from "../core/database.ts";
import { vectorOf } from "./put-points.ts";

export interface ProductVectors {
  /** Reads those that are not in memory; those without a vector are missing in the answer. */
  load(
    connection: Queryable,
    collectionId: number,
    pointIds: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, Float32Array>>;
  set(collectionId: number, pointId: string, vector: Float32Array): void;
  /** After a transaction that set some was rolled back. */
  clear(): void;
}

/** 10 MB at 128 dimensions. */
const keptVectors = 20_000;

export function createProductVectors(): ProductVectors {
  const kept = new Map<string, Float32Array>();
  const name = (collectionId: number, pointId: string) => `${collectionId} ${pointId}`;

  function set(collectionId: number, pointId: string, vector: Float32Array): void {
    if (kept.size >= keptVectors) kept.delete(kept.keys().next().value as string);
    kept.set(name(collectionId, pointId), vector);
  }

  async function load(connection: Queryable, collectionId: number, pointIds: ReadonlySet<string>) {
    const found = new Map<string, Float32Array>();
    const missing: string[] = [];
    for (const id of pointIds) {
      const vector = kept.get(name(collectionId, id));
      if (vector === undefined) missing.push(id);
      else found.set(id, vector);
    }
    if (missing.length === 0) return found;
    const rows = await connection.query<{ id: string; vector: Buffer }>({
      name: "stream_product_vectors",
      text: `select id, vector from vectors.points
             where collection_id = $1 and id = any($2::uuid[]) and vector is not null`,
      values: [collectionId, missing],
    });
    for (const row of rows) {
      const vector = vectorOf(row.vector);
      found.set(row.id, vector);
      set(collectionId, row.id, vector);
    }
    return found;
  }

  return { load, set, clear: () => kept.clear() };
}

/** The products' vectors that users' interests are made of, a bounded number of them in memory. */
import type { Queryable } from "../core/database.ts";
import { vectorOf } from "./put-points.ts";

export interface ProductVectors {
  /**
   * Reads those that are not in memory; those without a vector are missing in the answer. Products are named
   * by their point ids without dashes, as they are encoded in interests.
   */
  load(
    connection: Queryable,
    collectionId: number,
    products: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, Float32Array>>;
  /** Their texts may be others than before. */
  forget(pointIds: readonly string[]): void;
  /** After a failure: what was read may have been rolled back. */
  clear(): void;
}

/** 8 MB at 192 dimensions, for each collection. */
const keptVectors = 10_000;
const keptCollections = 3;

export function createProductVectors(): ProductVectors {
  /** By collection and point id. */
  const kept = new Map<number, Map<string, Float32Array>>();

  function set(collectionId: number, pointId: string, vector: Float32Array): void {
    let vectors = kept.get(collectionId);
    if (vectors === undefined) {
      vectors = new Map();
      kept.set(collectionId, vectors);
      // the live model, one that is being filled, and one to compare with
      if (kept.size > keptCollections) kept.delete(kept.keys().next().value as number);
    }
    if (vectors.size >= keptVectors) vectors.delete(vectors.keys().next().value as string);
    vectors.set(pointId, vector);
  }

  async function load(connection: Queryable, collectionId: number, products: ReadonlySet<string>) {
    const found = new Map<string, Float32Array>();
    const missing: string[] = [];
    for (const id of products) {
      const vector = kept.get(collectionId)?.get(id);
      if (vector === undefined) missing.push(id);
      else found.set(id, vector);
    }
    if (missing.length === 0) return found;
    const rows = await connection.query<{ id: string; vector: Buffer }>({
      name: "stream_product_vectors",
      text: `select replace(id::text, '-', '') as id, vector from vectors.points
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

  function forget(pointIds: readonly string[]): void {
    const products = pointIds.map((id) => id.replaceAll("-", ""));
    for (const vectors of kept.values()) for (const product of products) vectors.delete(product);
  }

  return { load, forget, clear: () => kept.clear() };
}

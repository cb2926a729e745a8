/** The products' vectors that users' interests are computed from; a bounded number of them in memory. */
import type { Queryable } from "../../../core/ports/database.ts";
import { vectorOf } from "./put-points.ts";

export interface ProductVectors {
  /** Reads those that are not in memory; products without a vector are missing in the result. All by number. */
  load(
    connection: Queryable,
    collectionId: number,
    products: ReadonlySet<number>,
  ): Promise<ReadonlyMap<number, Float32Array>>;
  /** Their texts may have changed. */
  forget(products: readonly number[]): void;
  /** After a failure: what was read may have been rolled back. */
  clear(): void;
}

/** 8 MB at 192 dimensions, for each collection. */
const keptVectors = 10_000;
const keptCollections = 3;

export function createProductVectors(): ProductVectors {
  /** By collection and product. */
  const kept = new Map<number, Map<number, Float32Array>>();

  function set(collectionId: number, product: number, vector: Float32Array): void {
    let vectors = kept.get(collectionId);
    if (vectors === undefined) {
      vectors = new Map();
      kept.set(collectionId, vectors);
      // the live model, one that is being filled, and one to compare with
      if (kept.size > keptCollections) kept.delete(kept.keys().next().value as number);
    }
    if (vectors.size >= keptVectors) vectors.delete(vectors.keys().next().value as number);
    vectors.set(product, vector);
  }

  async function load(connection: Queryable, collectionId: number, products: ReadonlySet<number>) {
    const found = new Map<number, Float32Array>();
    const missing: number[] = [];
    for (const product of products) {
      const vector = kept.get(collectionId)?.get(product);
      if (vector === undefined) missing.push(product);
      else found.set(product, vector);
    }
    if (missing.length === 0) return found;
    const rows = await connection.query<{ number: number; vector: Buffer }>({
      name: "stream_product_vectors",
      text: `select p.number, v.vector from stream.products p
             join vectors.points v on v.collection_id = $1 and v.id = p.point_id
             where p.number = any($2::int[]) and v.vector is not null`,
      values: [collectionId, missing],
    });
    for (const row of rows) {
      const vector = vectorOf(row.vector);
      found.set(row.number, vector);
      set(collectionId, row.number, vector);
    }
    return found;
  }

  function forget(products: readonly number[]): void {
    for (const vectors of kept.values()) for (const product of products) vectors.delete(product);
  }

  return { load, forget, clear: () => kept.clear() };
}

/** Everything that a page changes, written by the transaction that finishes the page. */
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import { type ProductRow, productPayload } from "../points/product-points.ts";
import { type NewPoint, putPoints } from "../points/put-points.ts";
import { markStale } from "../points/stale-points.ts";
import type { Changes } from "./collect.ts";
import { writeProducts } from "./write-products.ts";
import { writeUsers } from "./write-users.ts";

export interface WriteContext {
  readonly models: readonly ModelCollections[];
  /** Vectors of texts, by model and hex content hash. */
  readonly vectors: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
  /** Folds text for lexical search, as the embedder does. */
  readonly fold: (text: string) => string;
}

/** A text that was believed to be known is new: embed it and write the page again. */
export class MissingVectors extends Error {
  override readonly name = "MissingVectors";
}

export interface Written {
  /** Hex hash of each product's text, by point id; without products whose events had no text. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly products: number;
  readonly users: number;
  readonly points: number;
}

/** @throws MissingVectors, after which the caller's transaction must be rolled back. */
export async function writeChanges(
  connection: Queryable,
  changes: Changes,
  context: WriteContext,
): Promise<Written> {
  const { described, confirmed, numbers } = await writeProducts(
    connection,
    changes.products,
    context.fold,
  );
  let points = 0;
  for (const model of context.models) {
    if (model.collections.products === undefined) continue;
    const newPoints = productPoints(described, model, context);
    await putPoints(connection, model.collections.products, newPoints);
    points += newPoints.length;
  }
  const users = await writeUsers(connection, changes.users, numbers);
  const hashes = new Map(confirmed);
  for (const row of described) hashes.set(row.point_id, row.hash);
  // also those written just now: a refresh that has read their old state may still write it
  await markStale(connection, "products", [...changes.products.keys()]);
  await markStale(connection, "users", users);
  return { hashes, products: changes.products.size, users: users.length, points };
}

function productPoints(
  rows: readonly ProductRow[],
  model: ModelCollections,
  context: WriteContext,
): NewPoint[] {
  const vectors = context.vectors.get(model.modelId);
  return rows.map((row) => {
    const vector = vectors?.get(row.hash);
    if (vector === undefined) throw new MissingVectors(`${row.key} has a text without a vector`);
    return { id: row.point_id, vector, payload: productPayload(row) };
  });
}

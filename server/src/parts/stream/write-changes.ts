/** Everything that a page changes, written by the transaction that finishes the page. */
import type { Queryable } from "../../core/ports/database.ts";
import type { ModelCollections } from "../models/collections.ts";
import type { Changes } from "./collect.ts";
import { type NewPoint, putPoints } from "./put-points.ts";
import { markStale } from "./stale-points.ts";
import { type ProductRow, productPayload, writeProducts } from "./write-products.ts";
import { writeUsers } from "./write-users.ts";

export interface WriteContext {
  readonly models: readonly ModelCollections[];
  /** Vectors of texts, by model and hex content hash. */
  readonly vectors: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
  /** For lexical search: as the embedder folds. */
  readonly fold: (text: string) => string;
}

/** A text turned out to be new that was thought to be known: embed it, and write again. */
export class MissingVectors extends Error {
  override readonly name = "MissingVectors";
}

export interface Written {
  /** Hex hash of each product's text, by point id, as far as the events told one. */
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
    const made = productPoints(described, model, context);
    await putPoints(connection, model.collections.products, made);
    points += made.length;
  }
  const users = await writeUsers(connection, changes.users, numbers);
  const hashes = new Map(confirmed);
  for (const row of described) hashes.set(row.point_id, row.hash);
  // also those written just now: a refresh that has read them before may write after
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

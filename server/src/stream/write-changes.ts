/** Everything that a page changes, written by the transaction that finishes the page. */
import type { Queryable } from "../core/database.ts";
import type { Changes } from "./collect.ts";
import type { ModelCollections } from "./collections.ts";
import { interestVector } from "./interest.ts";
import type { ProductVectors } from "./product-vectors.ts";
import { type NewPoint, putPoints } from "./put-points.ts";
import { type ProductRow, productPayload, writeProducts } from "./write-products.ts";
import { type UserState, userPayload, writeUsers } from "./write-users.ts";

export interface WriteContext {
  readonly models: readonly ModelCollections[];
  /** Vectors of texts, by model and hex content hash. */
  readonly vectors: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
  readonly productVectors: ProductVectors;
  /** For lexical search: as the embedder folds. */
  readonly fold: (text: string) => string;
}

/** A text turned out to be new that was thought to be known: embed it, and write again. */
export class MissingVectors extends Error {
  override readonly name = "MissingVectors";
  readonly hashes: readonly string[];

  constructor(hashes: readonly string[]) {
    super(`${hashes.length} texts have no vector yet`);
    this.hashes = hashes;
  }
}

export interface Written {
  readonly products: readonly ProductRow[];
  readonly users: number;
  readonly points: number;
}

/** @throws MissingVectors, after which the caller's transaction must be rolled back. */
export async function writeChanges(
  connection: Queryable,
  changes: Changes,
  context: WriteContext,
): Promise<Written> {
  const products = await writeProducts(connection, [...changes.products.values()], context.fold);
  let points = 0;
  for (const model of context.models) {
    const made = productPoints(products, model, context);
    if (model.collections.products !== undefined) {
      await putPoints(connection, model.collections.products, made);
      points += made.length;
    }
  }
  const users = await writeUsers(connection, changes.users);
  for (const model of context.models) {
    const made = await userPoints(connection, users, {
      model,
      productVectors: context.productVectors,
    });
    if (model.collections.users !== undefined) {
      await putPoints(connection, model.collections.users, made);
      points += made.length;
    }
  }
  return { products, users: users.length, points };
}

function productPoints(
  rows: readonly ProductRow[],
  model: ModelCollections,
  context: WriteContext,
): NewPoint[] {
  const collection = model.collections.products;
  const vectors = context.vectors.get(model.modelId);
  const missing = rows.filter((row) => row.changed && vectors?.has(row.hash) !== true);
  if (missing.length > 0) throw new MissingVectors(missing.map(({ hash }) => hash));
  return rows
    .filter(({ hash }) => hash !== "")
    .map((row) => {
      const vector = row.changed ? vectors?.get(row.hash) : undefined;
      if (vector !== undefined && collection !== undefined) {
        context.productVectors.set(collection, row.point_id, vector);
      }
      return { id: row.point_id, vector, payload: productPayload(row) };
    });
}

/** The users' interests in one model's space; users of whose products none has a vector are left out. */
export async function userPoints(
  connection: Queryable,
  users: readonly UserState[],
  { model, productVectors }: { model: ModelCollections; productVectors: ProductVectors },
): Promise<NewPoint[]> {
  const collection = model.collections.products;
  if (collection === undefined || users.length === 0) return [];
  const wanted = new Set(users.flatMap(({ interest }) => [...interest.keys()]));
  const vectors = await productVectors.load(connection, collection, wanted);
  return users.flatMap((user) => {
    const vector = interestVector(user.interest, (id) => vectors.get(id));
    return vector === undefined ? [] : [{ id: user.pointId, vector, payload: userPayload(user) }];
  });
}

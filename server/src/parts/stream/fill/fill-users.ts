import type { ModelCollections } from "../../../core/ports/collections.ts";
import { createProductVectors } from "../points/product-vectors.ts";
import { putPoints } from "../points/put-points.ts";
import { pageOfUsers, userPoints } from "../points/user-points.ts";
import { type FillOptions, fillPageRows, firstId } from "./fill-products.ts";

/**
 * Writes the points of all users, a page at a time; yields after each. The products' points must be there:
 * interests are computed from their vectors.
 */
export async function* fillUsers({
  database,
  collections,
  model,
  collection,
  signal,
}: FillOptions & { readonly model: ModelCollections }): AsyncGenerator<void> {
  const productVectors = createProductVectors();
  for (let after: string | undefined = firstId; after !== undefined; ) {
    signal.throwIfAborted();
    const last: string = after;
    after = await database.transaction(async (connection) => {
      await collections.lock(connection);
      const users = await pageOfUsers(connection, last, fillPageRows);
      const points = await userPoints(connection, users, { model, productVectors });
      await putPoints(connection, collection, points);
      return users.at(-1)?.pointId;
    });
    yield;
  }
}

import type { Collections } from "../../../core/ports/collections.ts";
import type { Database } from "../../../core/ports/database.ts";

const owners = { products: "stream.products", users: "stream.users" } as const;

/** Deletes points without a product or user: there are none unless something else wrote into the collection. */
export async function removeStrayPoints(
  { database, collections }: { readonly database: Database; readonly collections: Collections },
  collection: number,
  purpose: keyof typeof owners,
): Promise<void> {
  await database.transaction(async (connection) => {
    await collections.lock(connection, "exclusive");
    await connection.query({
      text: `select vectors.delete_points($1, array(
               select id from vectors.points p where collection_id = $1 and deleted_at is null
                 and not exists (select from ${owners[purpose]} o where o.point_id = p.id)))`,
      values: [collection],
    });
  });
}

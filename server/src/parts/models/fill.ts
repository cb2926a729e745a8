/** Fills the collections of a new model from what is known of products and users, a page at a time. */
import type { Database } from "../../core/ports/database.ts";
import type { TextEmbedder } from "../stream/embed-texts.ts";
import { leaveHalf } from "../stream/leave-half.ts";
import { textOfProduct } from "../stream/product-content.ts";
import { createProductVectors } from "../stream/product-vectors.ts";
import { putPoints } from "../stream/put-points.ts";
import { pageOfUsers, userPoints } from "../stream/refresh.ts";
import { type ProductRow, productColumns, productPayload } from "../stream/write-products.ts";
import { lockCollections, type ModelCollections } from "./collections.ts";
import { type EventFilling, fillEvents } from "./fill-events.ts";

/** Small, so that nobody waits long for a page's locks. */
const pageRows = 200;
const firstId = "00000000-0000-0000-0000-000000000000";

export interface FillOptions {
  readonly database: Database;
  readonly model: ModelCollections;
  readonly embedder: TextEmbedder;
  /** Undefined: events are not kept as points. */
  readonly events?: EventFilling | undefined;
  readonly signal: AbortSignal;
  /** After each page; rejects when the work is somebody else's now. */
  readonly keep: () => Promise<void>;
}

/**
 * Products first: users' interests are made of their vectors. What changes meanwhile is written by the
 * workers, who know of the new collections; a row that they changed since it was read is left to them.
 */
export async function fillModel(options: FillOptions): Promise<void> {
  await fillProducts(options);
  await fillUsers(options);
  await removeStrays(options);
  await fillEvents(options);
}

/** Points of nobody: there are none unless somebody else wrote into the collection. */
async function removeStrays({ database, model, keep }: FillOptions): Promise<void> {
  const { products, users } = model.collections;
  await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    for (const [collection, kept] of [
      [products, "stream.products"],
      [users, "stream.users"],
    ] as const) {
      if (collection === undefined) continue;
      await connection.query({
        text: `select vectors.delete_points($1, array(
                 select id from vectors.points p where collection_id = $1 and deleted_at is null
                   and not exists (select from ${kept} k where k.point_id = p.id)))`,
        values: [collection],
      });
    }
  });
  await keep();
}

async function fillProducts({
  database,
  model,
  embedder,
  signal,
  keep,
}: FillOptions): Promise<void> {
  const collection = model.collections.products;
  if (collection === undefined) return;
  for (let after = firstId; ; ) {
    signal.throwIfAborted();
    const began = performance.now();
    const rows = await database.query<ProductRow>({
      text: `select ${productColumns} from stream.products p
             where p.point_id > $1 and p.content_rank > 0 order by p.point_id limit $2`,
      values: [after, pageRows],
    });
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.point_id;
    const texts = new Map(rows.map((row) => [row.hash, textOfRow(row)]));
    const { vectors } = await embedder.embed(texts, signal);
    await database.transaction(async (connection) => {
      await lockCollections(connection);
      const current = await connection.query<ProductRow>({
        text: `select ${productColumns} from stream.products p
               where p.point_id = any($1::uuid[]) order by p.point_id for share`,
        values: [rows.map((row) => row.point_id)],
      });
      const points = current.flatMap((row) => {
        const vector = vectors.get(row.hash);
        return vector === undefined
          ? []
          : [{ id: row.point_id, vector, payload: productPayload(row) }];
      });
      await putPoints(connection, collection, points);
    });
    await keep();
    await leaveHalf(began, signal);
  }
}

function textOfRow(row: ProductRow): string {
  return textOfProduct(row);
}

async function fillUsers({ database, model, signal, keep }: FillOptions): Promise<void> {
  const collection = model.collections.users;
  if (collection === undefined) return;
  const productVectors = createProductVectors();
  for (let after: string | undefined = firstId; after !== undefined; ) {
    signal.throwIfAborted();
    const began = performance.now();
    after = await database.transaction(async (connection) => {
      await lockCollections(connection);
      const users = await pageOfUsers(connection, after as string, pageRows);
      const points = await userPoints(connection, users, { model, productVectors });
      await putPoints(connection, collection, points);
      return users.at(-1)?.pointId;
    });
    await keep();
    await leaveHalf(began, signal);
  }
}

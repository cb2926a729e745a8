import type { Collections } from "../../../core/ports/collections.ts";
import type { Database } from "../../../core/ports/database.ts";
import type { TextEmbedder } from "../embed/embed-texts.ts";
import { type ProductRow, productColumns, productPayload } from "../points/product-points.ts";
import { putPoints } from "../points/put-points.ts";
import { textOfProduct } from "../steps/product-content.ts";

export interface FillOptions {
  readonly database: Database;
  readonly collections: Collections;
  /** Id of the collection that is filled. */
  readonly collection: number;
  readonly signal: AbortSignal;
}

/** Small, so that workers do not wait long for a page's locks. */
export const fillPageRows = 200;
export const firstId = "00000000-0000-0000-0000-000000000000";

/**
 * Writes the points of all products, a page at a time; yields after each. A product that changed since it was
 * read has another hash: the worker that changed it writes its point.
 */
export async function* fillProducts(
  options: FillOptions & { readonly embedder: TextEmbedder },
): AsyncGenerator<void> {
  const { database, embedder, signal } = options;
  for (let after = firstId; ; ) {
    signal.throwIfAborted();
    const rows = await database.query<ProductRow>({
      text: `select ${productColumns} from stream.products p
             where p.point_id > $1 and p.content_rank > 0 order by p.point_id limit $2`,
      values: [after, fillPageRows],
    });
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.point_id;
    const texts = new Map(rows.map((row) => [row.hash, textOfProduct(row)]));
    const { vectors } = await embedder.embed(texts, signal);
    const ids = rows.map((row) => row.point_id);
    await writePage(options, ids, vectors);
    yield;
  }
}

async function writePage(
  { database, collections, collection }: FillOptions,
  ids: readonly string[],
  vectors: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  await database.transaction(async (connection) => {
    await collections.lock(connection);
    const current = await connection.query<ProductRow>({
      text: `select ${productColumns} from stream.products p
             where p.point_id = any($1::uuid[]) order by p.point_id for share`,
      values: [ids],
    });
    const points = current.flatMap((row) => {
      const vector = vectors.get(row.hash);
      return vector === undefined
        ? []
        : [{ id: row.point_id, vector, payload: productPayload(row) }];
    });
    await putPoints(connection, collection, points);
  });
}

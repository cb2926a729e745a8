/** What a page of changes means to a store, and its way there. */
import type { Queryable } from "../../../core/ports/database.ts";
import type { Point, VectorStore } from "../../../core/ports/vector-store.ts";
import { floatsOf, type PointChange } from "../feed.ts";
import type { SyncedCollection } from "./target.ts";

export interface StoreChange {
  readonly upserts: readonly Point[];
  readonly deletes: readonly string[];
}

const callMs = 15_000;

/**
 * The feed leaves out vectors that its reader already has. Here every point is sent complete, so that a page has
 * the same effect whatever the store had before.
 */
export async function toStoreChange(
  connection: Queryable,
  collectionId: number,
  changes: readonly PointChange[],
): Promise<StoreChange> {
  const live = changes.filter((change) => !change.deleted);
  const without = live.filter((change) => change.vector === undefined).map(({ id }) => id);
  const vectors = await readVectors(connection, collectionId, without);
  return {
    // a point without a vector was deleted since the page was read: a later page will contain that
    upserts: live.flatMap(({ id, vector = vectors.get(id), payload }) =>
      vector === undefined ? [] : [{ id, vector, payload }],
    ),
    deletes: changes.filter((change) => change.deleted).map(({ id }) => id),
  };
}

async function readVectors(
  connection: Queryable,
  collectionId: number,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  if (ids.length === 0) return new Map();
  const rows = await connection.query<{ id: string; vector: Buffer }>({
    text: `select id::text as id, vector from vectors.points
           where collection_id = $1 and id = any ($2::uuid[]) and deleted_at is null`,
    values: [collectionId, ids],
  });
  return new Map(rows.map(({ id, vector }) => [id, floatsOf(vector)]));
}

/** A page has each point once, so the order of the two calls does not matter. */
export async function write(
  store: VectorStore,
  {
    name,
    change,
    signal,
  }: { readonly name: string; readonly change: StoreChange; readonly signal: AbortSignal },
): Promise<void> {
  const call = { signal, timeoutMs: callMs };
  if (change.upserts.length > 0) await store.upsert(name, change.upserts, call);
  if (change.deletes.length > 0) await store.delete(name, { ids: change.deletes }, call);
}

/** Removes points of the store that PostgreSQL does not have; their tombstones may have been purged. */
export async function removeUnknownPoints(
  store: VectorStore,
  {
    connection,
    collection,
    signal,
  }: {
    readonly connection: Queryable;
    readonly collection: SyncedCollection;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const call = { signal, timeoutMs: callMs };
  let offset: string | undefined;
  do {
    const page = await store.scroll(
      collection.name,
      { limit: 1_000, ...(offset === undefined ? {} : { offset }) },
      call,
    );
    offset = page.next;
    const rows = await connection.query<{ id: string }>({
      text: `select t.id::text as id from unnest($2::uuid[]) t (id)
             where not exists (select from vectors.points p
               where p.collection_id = $1 and p.id = t.id and p.deleted_at is null)`,
      values: [collection.id, page.points.map(({ id }) => id)],
    });
    if (rows.length > 0) {
      await store.delete(collection.name, { ids: rows.map(({ id }) => id) }, call);
    }
  } while (offset !== undefined);
}

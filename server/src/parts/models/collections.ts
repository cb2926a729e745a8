/** Which collections points are written into: those of every model that is live, ready or being filled. */
import type { Collections, ModelCollections, Purpose } from "../../core/ports/collections.ts";
import type { Queryable } from "../../core/ports/database.ts";

/** Every transaction that writes points holds it shared; adding or removing a collection holds it exclusively. */
const lockKey = "stream.collections";

/**
 * In a transaction that writes points: no collection is added until it ends, so that its points are in
 * every collection that a later filling does not cover.
 */
export async function lockCollections(
  connection: Queryable,
  mode: "shared" | "exclusive" = "shared",
): Promise<void> {
  const lock = mode === "shared" ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock";
  await connection.query({ text: `select ${lock}(hashtext($1))`, values: [lockKey] });
}

export async function readCollections(connection: Queryable): Promise<ModelCollections[]> {
  const rows = await connection.query<{
    model_id: string;
    dimension: number;
    is_live: boolean;
    collections: Partial<Record<Purpose, number>>;
  }>({
    name: "models_collections",
    text: `select m.id as model_id, m.dimension, m.state = 'live' as is_live,
             json_object_agg(c.purpose, c.collection_id) as collections
           from vectors.models m join vectors.model_collections c on c.model_id = m.id
           where m.state in ('building', 'ready', 'live')
           group by m.id order by m.id`,
  });
  return rows.map((row) => ({
    modelId: row.model_id,
    dimension: row.dimension,
    isLive: row.is_live,
    collections: row.collections,
  }));
}

/** Marks models whose collections a page leaves out: they are filled again. */
async function setAside(
  connection: Queryable,
  reasons: ReadonlyMap<string, string>,
): Promise<void> {
  if (reasons.size === 0) return;
  await connection.query({
    name: "models_set_aside",
    text: `update vectors.models m set set_aside_at = clock_timestamp(), rebuild = true, error = left(u.reason, 2000)
           from unnest($1::text[], $2::text[]) u (id, reason) where m.id = u.id`,
    values: [[...reasons.keys()], [...reasons.values()]],
  });
}

/** The port `collections`. */
export const collections: Collections = {
  lock: lockCollections,
  read: readCollections,
  setAside,
};

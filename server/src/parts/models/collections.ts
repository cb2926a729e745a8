/** Which collections the part writes into: those of every model that is live, ready or being filled. */
import type { Queryable } from "../../core/ports/database.ts";

export type Purpose = "products" | "users" | "events";

export interface ModelCollections {
  readonly modelId: string;
  readonly dimension: number;
  /** It answers. */
  readonly isLive: boolean;
  /** Ids in vectors.collections. */
  readonly collections: Readonly<Partial<Record<Purpose, number>>>;
}

/** Held shared by whoever writes points, exclusively by whoever adds or removes a collection. */
const lockKey = "stream.collections";

/**
 * In a transaction that writes points: no collection is added until it ends, so that what it writes is in
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
    name: "stream_collections",
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

/** One text that tells two lists of models apart. */
export function fingerprint(models: readonly ModelCollections[]): string {
  return JSON.stringify(
    models.map(({ modelId, isLive, collections }) => [modelId, isLive, collections]),
  );
}

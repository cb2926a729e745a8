/** Removes models with their collections and files, and the marks of deleted points. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { lockCollections } from "./collections.ts";
import { removeModelFiles } from "./model-files.ts";
import { announceModels, type ModelState } from "./model-store.ts";

/**
 * Drops retired models whose collections no query can use any more, and returns their ids. Their points are deleted
 * first, in batches: under the lock every writer of points would wait for it.
 * @param isOver whether a model has been retired for long enough
 */
export async function dropRetired(
  database: Database,
  isOver: (model: RetiredModel) => boolean,
  renew: Renew,
): Promise<string[]> {
  const over = (await database.query<RetiredModel>(readRetired([]))).filter(isOver);
  if (over.length === 0) return [];
  const ids = over.map(({ id }) => id);
  const collections = await database.query<{ id: number }>({
    text: "select collection_id as id from vectors.model_collections where model_id = any($1::text[])",
    values: [ids],
  });
  for (const { id } of collections) await emptyCollection(database, id, renew);
  const files: string[] = [];
  const dropped = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const rows = await connection.query<RetiredModel>(readRetired(ids));
    for (const { id } of rows) files.push(...(await removeModel(connection, id)));
    return rows.map(({ id }) => id);
  });
  await removeModelFiles(database, files);
  return dropped;
}

export interface RetiredModel {
  readonly id: string;
  /** When it was retired, only to tell two retirements apart. */
  readonly retirement: string;
}

/** Those of `ids`, or all. */
function readRetired(ids: readonly string[]) {
  return {
    name: "models_retired",
    text: `select id, coalesce(retired_at::text, '') as retirement from vectors.models
           where state = 'retired' and (cardinality($1::text[]) = 0 or id = any($1::text[]))`,
    values: [ids],
  } as const;
}

/** Points that one statement deletes, so that none takes long. */
const deletedAtOnce = 5_000;

/** After each transaction of long work; rejects when another process has taken over. */
export type Renew = () => Promise<void>;

/** Deletes the points of a collection that is neither written nor queried any more. */
export async function emptyCollection(
  database: Database,
  collectionId: number,
  renew: Renew,
): Promise<void> {
  for (;;) {
    const deleted = await database.query({
      text: `delete from vectors.points where collection_id = $1 and id = any(array(
               select id from vectors.points where collection_id = $1 limit $2)) returning 1 as deleted`,
      values: [collectionId, deletedAtOnce],
    });
    await renew();
    if (deleted.length < deletedAtOnce) return;
  }
}

/** Removes a model with its collections; returns `live`, and keeps it, when it answers queries. */
export async function forgetModel(
  database: Database,
  modelId: string,
): Promise<"removed" | "unknown" | "live"> {
  const files: string[] = [];
  const outcome = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const [model] = await connection.query<{ state: ModelState }>({
      text: "select state from vectors.models where id = $1",
      values: [modelId],
    });
    if (model === undefined) return "unknown" as const;
    if (model.state === "live") return "live" as const;
    files.push(...(await removeModel(connection, modelId)));
    return "removed" as const;
  });
  await removeModelFiles(database, files);
  await announceModels(database);
  return outcome;
}

/** Part of a transaction that holds the lock on collections. Returns the files to be removed after it. */
async function removeModel(connection: Queryable, modelId: string): Promise<string[]> {
  await connection.query({
    text: `select vectors.drop_collection(c.name) from vectors.collections c
           join vectors.model_collections m on m.collection_id = c.id where m.model_id = $1`,
    values: [modelId],
  });
  await connection.query({
    text: "delete from stream.embeddings where model_id = $1",
    values: [modelId],
  });
  const [removed] = await connection.query<{ file_id: string | null }>({
    text: "delete from vectors.models where id = $1 returning file_id",
    values: [modelId],
  });
  const fileId = removed?.file_id ?? undefined;
  return fileId === undefined ? [] : [fileId];
}

/** Marks that the sync to another store has not copied yet are kept. Returns how many were removed. */
export async function purgeTombstones(database: Queryable, keptMs: number): Promise<number> {
  const [row] = await database.query<{ purged: string }>({
    // a page of the feed may be older, by one long write, than the moment at which its reader had caught up
    text: `select vectors.purge_tombstones(greatest($1 * interval '1 millisecond',
             clock_timestamp() - min(coalesce(caught_up_at, created_at)) + interval '1 hour')) as purged
           from vectors.sync_state`,
    values: [keptMs],
  });
  return Number(row?.purged ?? 0);
}

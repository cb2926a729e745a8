/** The rows of vectors.models and their collections. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { lockCollections, type Purpose } from "./collections.ts";
import { removeModelFiles, writeModelFile } from "./model-files.ts";

export type ModelKind = "random-projection" | "lsa" | "transformer" | "http";
export type ModelState = "building" | "ready" | "live" | "retired";

export interface NewModel {
  readonly id: string;
  readonly kind: ModelKind;
  readonly dimension: number;
  readonly file: Uint8Array | null;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Made and replaced by Weir itself. */
  readonly automatic: boolean;
  readonly corpusTexts: number | null;
  /** Goes live as soon as its collections are filled. */
  readonly wanted: boolean;
}

export interface ModelRow {
  readonly id: string;
  readonly kind: ModelKind;
  readonly dimension: number;
  readonly automatic: boolean;
  readonly corpus_texts: number | null;
  readonly state: ModelState;
  readonly wanted: boolean;
  /** Its collections are to be filled again, as they stand. */
  readonly rebuild: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
  readonly ready_at: Date | null;
  readonly live_at: Date | null;
  readonly retired_at: Date | null;
  readonly error: string | null;
}

const payloadIndexes: Readonly<Record<Purpose, Readonly<Record<string, string>>>> = {
  products: { category: "keyword", price: "float", currency: "keyword", last_seen: "datetime" },
  users: { user_id: "keyword" },
  events: {
    event_type: "keyword",
    user_id: "keyword",
    product_id: "keyword",
    occurred_at: "datetime",
  },
};

export async function readModels(database: Queryable): Promise<ModelRow[]> {
  return database.query<ModelRow>({
    name: "stream_models",
    text: `select id, kind, dimension, automatic, corpus_texts, state, wanted, rebuild, settings, created_at, ready_at,
             live_at, retired_at, error
           from vectors.models order by created_at, id`,
  });
}

/**
 * Adds a model that is being filled, with a collection for each purpose: from now on everything new is
 * written there too. Does nothing when it is there. The very first model is live at once: there is
 * nothing that it could answer worse than.
 */
export async function addModel(
  database: Database,
  model: NewModel,
  purposes: readonly Purpose[],
): Promise<void> {
  // before the lock, for which everybody who writes points waits
  const file = model.file === null ? undefined : await writeModelFile(database, model.file);
  const isNew = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const added = await connection.query<{ id: string }>({
      text: `insert into vectors.models
               (id, kind, dimension, file_id, file_bytes, settings, automatic, corpus_texts, wanted, state)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'building') on conflict do nothing returning id`,
      values: [
        model.id,
        model.kind,
        model.dimension,
        file?.fileId ?? null,
        file?.bytes ?? null,
        JSON.stringify(model.settings),
        model.automatic,
        model.corpusTexts,
        model.wanted,
      ],
    });
    if (added.length === 0) return false;
    for (const purpose of purposes) await addCollection(connection, model, purpose);
    const [other] = await connection.query({
      text: "select from vectors.models where state = 'live'",
    });
    if (other === undefined && model.wanted) await goLive(connection, model.id);
    return true;
  });
  if (!isNew && file !== undefined) await removeModelFiles(database, [file.fileId]);
}

/** Part of a transaction that holds the lock on collections. */
export async function addCollection(
  connection: Queryable,
  model: Pick<NewModel, "id" | "dimension">,
  purpose: Purpose,
): Promise<void> {
  await connection.query({
    text: `with made as (
             insert into vectors.collections (name, dimension, payload_indexes) values ($1, $2, $3)
             on conflict (name) do update set dimension = excluded.dimension returning id)
           insert into vectors.model_collections (collection_id, model_id, purpose)
           select id, $4, $5 from made on conflict do nothing`,
    values: [
      `${purpose}_${model.id}`,
      model.dimension,
      JSON.stringify(payloadIndexes[purpose]),
      model.id,
      purpose,
    ],
  });
}

/**
 * The instant from which a model's collections are filled. Whatever a page changed without it before is
 * committed by now, so the filling finds it; what a page leaves out later is left out after this instant.
 */
export async function beginFilling(database: Database): Promise<string> {
  return database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const [row] = await connection.query<{ since: string }>({
      text: "select clock_timestamp()::text as since",
    });
    return row?.since ?? "";
  });
}

/** False when a page has left the model out since: it is to be filled once more. */
export async function markReady(
  database: Queryable,
  modelId: string,
  since: string,
): Promise<boolean> {
  const ready = await database.query<{ id: string }>({
    text: `update vectors.models set rebuild = false, error = null, ready_at = now(), set_aside_at = null,
             state = case when state = 'building' then 'ready' else state end
           where id = $1 and (set_aside_at is null or set_aside_at < $2::timestamptz) returning id`,
    values: [modelId, since],
  });
  return ready.length === 1;
}

/** Part of a page's transaction: what it changes is not written into these models' collections. */
export async function setAside(
  connection: Queryable,
  reasons: ReadonlyMap<string, string>,
): Promise<void> {
  if (reasons.size === 0) return;
  await connection.query({
    name: "stream_set_aside",
    text: `update vectors.models m set set_aside_at = clock_timestamp(), rebuild = true, error = left(u.reason, 2000)
           from unnest($1::text[], $2::text[]) u (id, reason) where m.id = u.id`,
    values: [[...reasons.keys()], [...reasons.values()]],
  });
}

export async function markFailed(
  database: Queryable,
  modelId: string,
  error: string,
): Promise<void> {
  await database.query({
    text: "update vectors.models set error = $2 where id = $1",
    values: [modelId, error.slice(0, 2_000)],
  });
}

/** Makes a filled model the one that answers: all its aliases move at once. */
export async function switchTo(database: Database, modelId: string): Promise<void> {
  await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    await goLive(connection, modelId);
  });
}

async function goLive(connection: Queryable, modelId: string): Promise<void> {
  // what people added stays current beside it; what Weir made itself goes
  await connection.query({
    text: `update vectors.models set wanted = false, state = case when automatic then 'retired' else 'ready' end,
             retired_at = case when automatic then now() end
           where state = 'live' and id <> $1`,
    values: [modelId],
  });
  await connection.query({
    text: `update vectors.models set state = 'live', live_at = now(), ready_at = coalesce(ready_at, now()), error = null
           where id = $1`,
    values: [modelId],
  });
  await connection.query({
    text: `insert into vectors.aliases (alias, collection_id)
           select purpose, collection_id from vectors.model_collections where model_id = $1
           on conflict (alias) do update set collection_id = excluded.collection_id`,
    values: [modelId],
  });
}

/**
 * Drops retired models whose collections nobody can be asking any more, and answers their ids. Their points go
 * first, some at a time: under the lock everybody who writes points would wait for them.
 */
export async function dropRetired(
  database: Database,
  graceMs: number,
  keep: Keep,
): Promise<string[]> {
  const retired = {
    name: "stream_retired",
    text: `select id from vectors.models
           where state = 'retired' and retired_at < now() - $1 * interval '1 millisecond'`,
    values: [graceMs],
  } as const;
  const found = await database.query<{ id: string }>(retired);
  if (found.length === 0) return [];
  const collections = await database.query<{ id: number }>({
    text: "select collection_id as id from vectors.model_collections where model_id = any($1::text[])",
    values: [found.map(({ id }) => id)],
  });
  for (const { id } of collections) await emptyCollection(database, id, keep);
  const files: string[] = [];
  const gone = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const rows = await connection.query<{ id: string }>(retired);
    for (const { id } of rows) files.push(...(await removeModel(connection, id)));
    return rows.map(({ id }) => id);
  });
  await removeModelFiles(database, files);
  return gone;
}

/** Points that are deleted at once, so that no statement takes long. */
const deletedAtOnce = 5_000;

/** After each transaction of long work; rejects when the work is somebody else's now. */
export type Keep = () => Promise<void>;

/** Deletes the points of a collection that nobody writes into, and nobody asks. */
export async function emptyCollection(
  database: Database,
  collectionId: number,
  keep: Keep,
): Promise<void> {
  for (;;) {
    const gone = await database.query({
      text: `delete from vectors.points where collection_id = $1 and id = any(array(
               select id from vectors.points where collection_id = $1 limit $2)) returning 1 as gone`,
      values: [collectionId, deletedAtOnce],
    });
    await keep();
    if (gone.length < deletedAtOnce) return;
  }
}

/** Asks for a filled model to answer, now or as soon as it is filled. False: there is none that could. */
export async function wantModel(database: Queryable, modelId: string): Promise<boolean> {
  const rows = await database.query<{ id: string }>({
    text: `with others as (update vectors.models set wanted = false where wanted and id <> $1)
           update vectors.models set wanted = state <> 'live'
           where id = $1 and state in ('building', 'ready', 'live') returning id`,
    values: [modelId],
  });
  await announceModels(database);
  return rows.length === 1;
}

/** Asks for every collection of the live model to be made again from what is known of products and users. */
export async function requestRebuild(database: Queryable): Promise<string | undefined> {
  const rows = await database.query<{ id: string }>({
    text: "update vectors.models set rebuild = true where state = 'live' returning id",
  });
  await announceModels(database);
  return rows[0]?.id;
}

/** Removes a model with its collections; `live` when it is the one that answers. */
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

export async function announceModels(database: Queryable): Promise<void> {
  await database.query({
    text: "select pg_notify('weir_models', ''), pg_notify('weir_collections', ''), pg_notify('weir_points', '')",
  });
}

/** Those that the delivery to another store has not passed on yet stay. Answers how many went. */
export async function purgeTombstones(database: Queryable, keptMs: number): Promise<number> {
  const [row] = await database.query<{ purged: string }>({
    // a page of the feed may be older than the moment at which its reader had caught up, by a long write
    text: `select vectors.purge_tombstones(greatest($1 * interval '1 millisecond',
             clock_timestamp() - min(coalesce(caught_up_at, created_at)) + interval '1 hour')) as purged
           from vectors.deliveries`,
    values: [keptMs],
  });
  return Number(row?.purged ?? 0);
}

/** Part of a transaction that holds the lock on collections. Answers the files that are to go after it. */
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
  const [gone] = await connection.query<{ file_id: string | null }>({
    text: "delete from vectors.models where id = $1 returning file_id",
    values: [modelId],
  });
  const fileId = gone?.file_id ?? undefined;
  return fileId === undefined ? [] : [fileId];
}

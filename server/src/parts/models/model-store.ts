/** The rows of vectors.models and their collections. */
import type { Purpose } from "../../core/ports/collections.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { lockCollections } from "./collections.ts";
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
  /** Its existing collections are to be filled again. */
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
    name: "models_all",
    text: `select id, kind, dimension, automatic, corpus_texts, state, wanted, rebuild, settings, created_at, ready_at,
             live_at, retired_at, error
           from vectors.models order by created_at, id`,
  });
}

/**
 * Adds a model that is being filled, with a collection for each purpose: from now on all new points are
 * written there too. Does nothing when the model exists. The first model is live at once: until then no
 * query can be answered.
 */
export async function addModel(
  database: Database,
  model: NewModel,
  purposes: readonly Purpose[],
): Promise<void> {
  // before the lock, for which every writer of points waits
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
    text: `with added as (
             insert into vectors.collections (name, dimension, payload_indexes) values ($1, $2, $3)
             on conflict (name) do update set dimension = excluded.dimension returning id)
           insert into vectors.model_collections (collection_id, model_id, purpose)
           select id, $4, $5 from added on conflict do nothing`,
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
 * False when a page has left the model out since `beginFilling`: it must be filled once more. The time at which that
 * happened is only compared for equality, so it may come from a clock that steps.
 */
export async function markReady(
  database: Queryable,
  modelId: string,
  leftOut: string | null,
): Promise<boolean> {
  const ready = await database.query<{ id: string }>({
    text: `update vectors.models set rebuild = false, error = null, ready_at = now(), set_aside_at = null,
             state = case when state = 'building' then 'ready' else state end
           where id = $1 and set_aside_at is not distinct from $2::timestamptz returning id`,
    values: [modelId, leftOut],
  });
  return ready.length === 1;
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

/** Makes a filled model the live one: all its aliases move at once. */
export async function switchTo(database: Database, modelId: string): Promise<void> {
  await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    await goLive(connection, modelId);
  });
}

async function goLive(connection: Queryable, modelId: string): Promise<void> {
  // a model that people added stays current beside it; one that Weir made is retired
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

/** Requests that a model goes live, now or as soon as it is filled. False: there is no such model. */
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

/** Requests that every collection of the live model is filled again. Undefined while none is live. */
export async function requestRebuild(database: Queryable): Promise<string | undefined> {
  const rows = await database.query<{ id: string }>({
    text: "update vectors.models set rebuild = true where state = 'live' returning id",
  });
  await announceModels(database);
  return rows[0]?.id;
}

export async function announceModels(database: Queryable): Promise<void> {
  await database.query({
    text: "select pg_notify('weir_models', ''), pg_notify('weir_collections', ''), pg_notify('weir_points', '')",
  });
}

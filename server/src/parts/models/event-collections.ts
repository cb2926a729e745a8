/** The collections `events`: one per model while the setting is on, none while it is off. */

import type { ModelCollections } from "../../core/ports/collections.ts";
import type { Database } from "../../core/ports/database.ts";
import { lockCollections, readCollections } from "./collections.ts";
import { addCollection, announceModels } from "./model-store.ts";
import { emptyCollection, type Renew } from "./remove-models.ts";

/** Gives every model without one a collection for events, to be filled. Returns how many. */
export async function addEventCollections(database: Database): Promise<number> {
  const lacking = {
    name: "models_lacking_events",
    text: `select m.id, m.dimension, m.state from vectors.models m
           where m.state in ('building', 'ready', 'live') and not exists (
             select from vectors.model_collections c where c.model_id = m.id and c.purpose = 'events')`,
  } as const;
  if ((await database.query(lacking)).length === 0) return 0;
  const added = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const models = await connection.query<{ id: string; dimension: number; state: string }>(
      lacking,
    );
    for (const model of models) {
      await addCollection(connection, model, "events");
      await connection.query({
        text: `with added as (
                 update vectors.model_collections set filling = true
                 where model_id = $1 and purpose = 'events' returning collection_id)
               insert into vectors.aliases (alias, collection_id)
               select 'events', collection_id from added where $2
               on conflict (alias) do update set collection_id = excluded.collection_id`,
        values: [model.id, model.state === "live"],
      });
    }
    return models.length;
  });
  await announceModels(database);
  return added;
}

/** Filled models to which a collection was added, and is to be filled. */
export async function readFilling(database: Database): Promise<ModelCollections[]> {
  const rows = await database.query<{ id: string }>({
    name: "models_filling",
    text: `select distinct m.id from vectors.models m join vectors.model_collections c on c.model_id = m.id
           where c.filling and m.state in ('ready', 'live')`,
  });
  if (rows.length === 0) return [];
  const ids = new Set(rows.map(({ id }) => id));
  return (await readCollections(database)).filter(({ modelId }) => ids.has(modelId));
}

/** The collection that was added to a model later is filled: its answers are complete from now on. */
export async function markFilled(database: Database, modelId: string): Promise<void> {
  const filled = await database.query({
    text: `update vectors.model_collections set filling = false where model_id = $1 and filling
           returning collection_id`,
    values: [modelId],
  });
  if (filled.length > 0) await announceModels(database);
}

/**
 * Removes the collections `events`. First they are detached from their models, which takes a moment; then their
 * points are deleted in batches, while the stream keeps working. A half deleted one is found by its name.
 */
export async function removeEventCollections(database: Database, renew: Renew): Promise<number> {
  const [found] = await database.query({
    name: "models_any_events",
    text: `select from vectors.collections c where c.name like 'events\\_%' and (
             exists (select from vectors.model_collections m where m.collection_id = c.id and m.purpose = 'events')
             or not exists (select from vectors.model_collections m where m.collection_id = c.id)) limit 1`,
  });
  if (found === undefined) return 0;
  const orphans = await database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    await connection.query({
      text: `with detached as (
               delete from vectors.model_collections where purpose = 'events' returning collection_id)
             delete from vectors.aliases where collection_id in (select collection_id from detached)`,
    });
    return connection.query<{ id: number; name: string }>({
      text: `select id, name from vectors.collections c where c.name like 'events\\_%'
               and not exists (select from vectors.model_collections m where m.collection_id = c.id)`,
    });
  });
  await announceModels(database);
  for (const { id, name } of orphans) {
    await emptyCollection(database, id, renew);
    await database.query({ text: "select vectors.drop_collection($1)", values: [name] });
  }
  await announceModels(database);
  return orphans.length;
}

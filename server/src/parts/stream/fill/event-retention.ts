/** Points of events are deleted when the log drops their day, or earlier if so configured. */
import type { Database } from "../../../core/ports/database.ts";

/** Points of one transaction. */
const deletedAtOnce = 1_000;

export interface DropOptions {
  /** Milliseconds since 1970. */
  readonly oldest: number;
  readonly signal: AbortSignal;
}

/**
 * Events received before this instant have no points. In milliseconds since 1970.
 * @param days longest that an event's point is kept, since its receipt
 */
export async function oldestEvent(database: Database, days: number): Promise<number> {
  const [row] = await database.query<{ oldest: number }>({
    name: "stream_oldest_event",
    text: `select extract(epoch from greatest(clock.earliest() - make_interval(days => $1),
               min(to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC')))::float8 * 1000 as oldest
           from pg_inherits i join pg_class c on c.oid = i.inhrelid
           where i.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\\d{8}$'`,
    values: [days],
  });
  return row?.oldest ?? 0;
}

/**
 * Deletes the points of events received before `oldest`, and the stored vectors of texts that old, in short
 * transactions; yields after each how many points it deleted.
 */
export async function* dropOldEvents(
  database: Database,
  { oldest, signal }: DropOptions,
): AsyncGenerator<number> {
  const before = new Date(oldest).toISOString();
  const collections = await database.query<{ id: number }>({
    name: "stream_event_collections",
    text: `select c.collection_id as id from vectors.model_collections c join vectors.models m on m.id = c.model_id
           where c.purpose = 'events' and m.state <> 'retired'`,
  });
  let total = 0;
  for (const { id } of collections) {
    for (let deleted = deletedAtOnce; deleted >= deletedAtOnce; total += deleted) {
      signal.throwIfAborted();
      deleted = await deletePoints(database, id, before);
      yield deleted;
    }
  }
  await dropOldEmbeddings(database, before, signal);
  if (total > 0) await database.query({ text: "select pg_notify('weir_points', '')" });
}

async function deletePoints(
  database: Database,
  collection: number,
  before: string,
): Promise<number> {
  const [row] = await database.query<{ deleted: number }>({
    text: `select vectors.delete_points($1, array(
             select id from vectors.points
             where collection_id = $1 and payload ? 'event_id'
               and (payload ->> 'received_at') collate "C" < $2
             order by (payload ->> 'received_at') collate "C" limit $3)) as deleted`,
    values: [collection, before, deletedAtOnce],
  });
  return row?.deleted ?? 0;
}

async function dropOldEmbeddings(
  database: Database,
  before: string,
  signal: AbortSignal,
): Promise<void> {
  for (let deleted = deletedAtOnce; deleted >= deletedAtOnce; ) {
    signal.throwIfAborted();
    const deletedRows = await database.query({
      text: `delete from stream.embeddings where ctid = any(array(
               select ctid from stream.embeddings where event_day < $1::timestamptz::date limit $2)) returning 1 as deleted`,
      values: [before, deletedAtOnce],
    });
    deleted = deletedRows.length;
  }
}

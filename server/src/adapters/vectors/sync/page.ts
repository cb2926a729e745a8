/**
 * One page of one collection's change feed, put into a store. The order is the promise: read, write there,
 * and only then remember; whatever ends in between, the page is delivered again, which changes nothing.
 */
import type { Database, Queryable } from "../../../core/ports/database.ts";
import type { Point, VectorStore } from "../../../core/ports/vector-store.ts";
import { FeedGapError, firstPosition, floatsOf, type PointChange, readChanges } from "../feed.ts";

export interface Target {
  readonly database: Database;
  readonly store: VectorStore;
  /** The store's name in `vectors.deliveries`. */
  readonly storeName: string;
  readonly pagePoints: number;
}

export interface DeliveredCollection {
  readonly id: number;
  readonly name: string;
}

export interface DeliveredPage {
  readonly points: number;
  /** `busy`: another worker is at it. */
  readonly state: "more" | "caught up" | "busy";
}

/** A page read longer ago may be older than what another worker has delivered since. */
const pageValidMs = 20_000;
const callMs = 15_000;
const transactionMs = 60_000;

/**
 * Rejects with the store's error when it does not take the page: nothing is remembered then.
 * The lock, of which one worker at a time has it, is an advisory one: it takes no transaction id, which
 * would stand in every reader's snapshot for as long as the store takes to answer.
 */
export async function deliverPage(
  target: Target,
  collection: DeliveredCollection,
  signal: AbortSignal,
): Promise<DeliveredPage> {
  const began: { epoch: string; position: string; sent: boolean } = {
    epoch: "",
    position: firstPosition,
    sent: false,
  };
  try {
    return await target.database.transaction(
      async (connection) => {
        if (!(await tryLock(connection, target, collection.id)))
          return { points: 0, state: "busy" };
        const [row] = await connection.query<{ position: string; epoch: string; sweep: boolean }>({
          text: `select position, epoch, sweep from vectors.deliveries
                 where store = $1 and collection_id = $2`,
          values: [target.storeName, collection.id],
        });
        if (row === undefined) return { points: 0, state: "busy" };
        began.epoch = row.epoch;
        began.position = row.position;
        const readAt = performance.now();
        const page = await readChanges(connection, {
          collectionId: collection.id,
          position: row.position,
          limit: target.pagePoints,
        });
        const change = await toStoreChange(connection, collection.id, page.changes);
        if (performance.now() - readAt > pageValidMs) {
          throw new Error("A page of points took too long to read; it is read again.");
        }
        began.sent = true;
        await write(target.store, { name: collection.name, change, signal });
        if (row.sweep && !page.more) await sweep(target, { connection, collection, signal });
        // Only from where it was read: whoever set the position back meanwhile is heard. An idle feed is
        // noted now and then. `now()` is when the transaction began, so before the page was read.
        await connection.query({
          text: `update vectors.deliveries set position = $5, points = points + $6,
                   delivered_at = case when $6 > 0 then clock_timestamp() else delivered_at end,
                   sweep = sweep and $7, caught_up_at = case when $7 then caught_up_at else now() end
                 where store = $1 and collection_id = $2 and epoch = $3 and position = $4
                   and ($6 > 0 or sweep or caught_up_at is null
                     or caught_up_at < now() - interval '2 seconds')`,
          values: [
            target.storeName,
            collection.id,
            row.epoch,
            row.position,
            page.position,
            page.changes.length,
            page.more,
          ],
        });
        return { points: page.changes.length, state: page.more ? "more" : "caught up" };
      },
      { timeoutMs: transactionMs },
    );
  } catch (error) {
    if (error instanceof FeedGapError) {
      await resetDelivery(target, collection.id);
      return { points: 0, state: "more" };
    }
    // Without the lock (a worker that was frozen) what was sent may have overwritten newer states:
    // they are delivered once more, from where this page began.
    if (began.sent && !signal.aborted) await goBack(target, collection.id, began).catch(() => {});
    throw error;
  }
}

/** Delivers the collection from its beginning, and then removes what is no longer here. */
export async function resetDelivery(
  { database, storeName }: Pick<Target, "database" | "storeName">,
  collectionId: number,
): Promise<void> {
  await database.query({
    text: `update vectors.deliveries
           set position = $3, sweep = true, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2`,
    values: [storeName, collectionId, firstPosition],
  });
}

/**
 * Whether the store has as many points as the feed was read for. Undefined when that cannot be told now:
 * there are changes to deliver, or another worker is at it.
 */
export async function countsAgree(
  target: Target,
  collection: DeliveredCollection,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  return target.database.transaction(
    async (connection) => {
      if (!(await tryLock(connection, target, collection.id))) return undefined;
      const [row] = await connection.query<{ position: string; sweep: boolean }>({
        text: `select position, sweep from vectors.deliveries
               where store = $1 and collection_id = $2`,
        values: [target.storeName, collection.id],
      });
      if (row === undefined || row.sweep) return undefined;
      const request = { collectionId: collection.id, position: row.position, limit: 1 };
      // one snapshot for both: no changes since the position means that this many are there
      if ((await readChanges(connection, request)).changes.length > 0) return undefined;
      const [here] = await connection.query<{ points: string }>({
        text: `select count(*) as points from vectors.points
               where collection_id = $1 and deleted_at is null`,
        values: [collection.id],
      });
      const there = await target.store.count(collection.name, undefined, {
        signal,
        timeoutMs: callMs,
      });
      return there === Number(here?.points);
    },
    { isolation: "repeatable read", timeoutMs: transactionMs },
  );
}

async function tryLock(
  connection: Queryable,
  { storeName }: Pick<Target, "storeName">,
  collectionId: number,
): Promise<boolean> {
  const [row] = await connection.query<{ locked: boolean }>({
    text: "select pg_try_advisory_xact_lock(hashtext('vectors.delivery:' || $1), $2) as locked",
    values: [storeName, collectionId],
  });
  return row?.locked === true;
}

async function goBack(
  target: Target,
  collectionId: number,
  began: { readonly epoch: string; readonly position: string },
): Promise<void> {
  await target.database.query({
    text: `update vectors.deliveries set position = $4, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2 and epoch = $3 and position <> $4`,
    values: [target.storeName, collectionId, began.epoch, began.position],
  });
}

interface StoreChange {
  readonly upserts: readonly Point[];
  readonly deletes: readonly string[];
}

/**
 * The feed leaves out vectors that its reader has; here each point goes out whole, so that a page is worth
 * the same whatever the store had before it.
 */
async function toStoreChange(
  connection: Queryable,
  collectionId: number,
  changes: readonly PointChange[],
): Promise<StoreChange> {
  const live = changes.filter((change) => !change.deleted);
  const without = live.filter((change) => change.vector === undefined).map(({ id }) => id);
  const vectors = new Map<string, Float32Array>();
  if (without.length > 0) {
    const rows = await connection.query<{ id: string; vector: Buffer }>({
      text: `select id::text as id, vector from vectors.points
             where collection_id = $1 and id = any ($2::uuid[]) and deleted_at is null`,
      values: [collectionId, without],
    });
    for (const { id, vector } of rows) vectors.set(id, floatsOf(vector));
  }
  return {
    // a point without a vector was deleted since the page was read: the feed will say so
    upserts: live.flatMap(({ id, vector = vectors.get(id), payload }) =>
      vector === undefined ? [] : [{ id, vector, payload }],
    ),
    deletes: changes.filter((change) => change.deleted).map(({ id }) => id),
  };
}

/** A page has each point once, so the order of the two calls does not matter. */
async function write(
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

interface Sweep {
  readonly connection: Queryable;
  readonly collection: DeliveredCollection;
  readonly signal: AbortSignal;
}

/** Removes points of the store that are not in PostgreSQL, whose tombstones may be long gone. */
async function sweep(target: Target, { connection, collection, signal }: Sweep): Promise<void> {
  const call = { signal, timeoutMs: callMs };
  let offset: string | undefined;
  do {
    const page = await target.store.scroll(
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
      await target.store.delete(collection.name, { ids: rows.map(({ id }) => id) }, call);
    }
  } while (offset !== undefined);
}

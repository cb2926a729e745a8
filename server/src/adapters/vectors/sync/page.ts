/**
 * Copies one page of a collection's change feed to the store. The order is what keeps the promise: read, write to
 * the store, and only then save the position. A page whose worker ends in between is copied again, which
 * changes nothing.
 */
import type { Queryable } from "../../../core/ports/database.ts";
import { type ChangePage, FeedGapError, firstPosition, readChanges } from "../feed.ts";
import { tryLockCollection } from "./lock.ts";
import type { SyncedCollection, Target } from "./target.ts";
import { removeUnknownPoints, toStoreChange, write } from "./write-page.ts";

export interface SyncedPage {
  readonly points: number;
  /** `busy`: another worker is copying this collection. */
  readonly state: "more" | "caught up" | "busy";
}

interface State {
  readonly position: string;
  /** In which the position is valid; null: not known. */
  readonly incarnation: string | null;
  readonly epoch: string;
  /** The store may have points that PostgreSQL no longer has. */
  readonly sweep: boolean;
}

/** A page that was read longer ago may be older than what another worker has copied since. */
const pageValidMs = 20_000;
const transactionMs = 60_000;

/** Rejects with the store's error when the store refuses the page; then the position is not saved. */
export async function syncPage(
  target: Target,
  collection: SyncedCollection,
  signal: AbortSignal,
): Promise<SyncedPage> {
  let sent: State | undefined;
  // outside the transaction: a new incarnation must not wait for the store
  await target.database.query({ text: "select log.incarnation()" });
  try {
    return await target.database.transaction(
      async (connection): Promise<SyncedPage> => {
        if (!(await tryLockCollection(connection, target.storeName, collection.id))) return busy;
        const state = await readState(target, connection, collection.id);
        if (state === undefined) return busy;
        const { page, change } = await readPage(target, connection, { collection, state });
        sent = state;
        await write(target.store, { name: collection.name, change, signal });
        if (state.sweep && !page.more) {
          await removeUnknownPoints(target.store, { connection, collection, signal });
        }
        await savePosition(target, connection, { collection, state, page });
        return { points: page.changes.length, state: page.more ? "more" : "caught up" };
      },
      { timeoutMs: transactionMs },
    );
  } catch (error) {
    if (error instanceof FeedGapError) {
      await resetSync(target, collection.id);
      return { points: 0, state: "more" };
    }
    // If the lock was lost (a frozen worker), what was sent may have overwritten newer states: what was copied
    // since is copied once more, from where this page began.
    if (sent !== undefined && !signal.aborted) {
      await goBack(target, collection.id, sent).catch(() => {});
    }
    throw error;
  }
}

const busy: SyncedPage = { points: 0, state: "busy" };

async function readState(
  { storeName }: Target,
  connection: Queryable,
  collectionId: number,
): Promise<State | undefined> {
  const [row] = await connection.query<State>({
    text: `select position, incarnation, epoch, sweep from vectors.sync_state
           where store = $1 and collection_id = $2`,
    values: [storeName, collectionId],
  });
  return row;
}

async function readPage(
  { pagePoints }: Target,
  connection: Queryable,
  { collection, state }: { readonly collection: SyncedCollection; readonly state: State },
) {
  const readAt = performance.now();
  const page = await readChanges(connection, {
    collectionId: collection.id,
    position: state.position,
    incarnation: state.incarnation ?? undefined,
    limit: pagePoints,
  });
  const change = await toStoreChange(connection, collection.id, page.changes);
  if (performance.now() - readAt > pageValidMs) {
    throw new Error("Reading a page of points took too long; it will be read again.");
  }
  return { page, change };
}

/**
 * Only if the position is still where the page began: it may have been reset meanwhile. When nothing changed it
 * is written every two seconds at most. `now()` is the start of the transaction, so before the page was read.
 */
async function savePosition(
  { storeName }: Target,
  connection: Queryable,
  {
    collection,
    state,
    page,
  }: {
    readonly collection: SyncedCollection;
    readonly state: State;
    readonly page: ChangePage;
  },
): Promise<void> {
  await connection.query({
    text: `update vectors.sync_state set position = $5, incarnation = $8, points = points + $6,
             synced_at = case when $6 > 0 then clock_timestamp() else synced_at end,
             sweep = sweep and $7, caught_up_at = case when $7 then caught_up_at else now() end
           where store = $1 and collection_id = $2 and epoch = $3 and position = $4
             and ($6 > 0 or sweep or caught_up_at is null or incarnation is distinct from $8
               or caught_up_at not between now() - interval '2 seconds' and now())`,
    values: [
      storeName,
      collection.id,
      state.epoch,
      state.position,
      page.position,
      page.changes.length,
      page.more,
      page.incarnation,
    ],
  });
}

/** Makes the sync begin again; at the end of the feed, points that PostgreSQL does not have are removed. */
export async function resetSync(
  { database, storeName }: Pick<Target, "database" | "storeName">,
  collectionId: number,
): Promise<void> {
  await database.query({
    text: `update vectors.sync_state
           set position = $3, sweep = true, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2`,
    values: [storeName, collectionId, firstPosition],
  });
}

async function goBack(
  target: Target,
  collectionId: number,
  { epoch, position, incarnation }: State,
): Promise<void> {
  await target.database.query({
    text: `update vectors.sync_state set position = $4, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2 and epoch = $3 and position <> $4
             and incarnation is not distinct from $5`,
    values: [target.storeName, collectionId, epoch, position, incarnation],
  });
}

/**
 * Whether the store has as many points as PostgreSQL. Undefined when that cannot be decided now: there are
 * changes to copy, or another worker is copying.
 */
export async function countsAgree(
  target: Target,
  collection: SyncedCollection,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  return target.database.transaction(
    async (connection) => {
      if (!(await tryLockCollection(connection, target.storeName, collection.id))) return undefined;
      const state = await readState(target, connection, collection.id);
      if (state === undefined || state.sweep) return undefined;
      const request = {
        collectionId: collection.id,
        position: state.position,
        incarnation: state.incarnation ?? undefined,
        limit: 1,
      };
      // one snapshot for both: without changes since the position the store must have this many points
      if ((await readChanges(connection, request)).changes.length > 0) return undefined;
      const [expected] = await connection.query<{ points: string }>({
        text: `select count(*) as points from vectors.points
               where collection_id = $1 and deleted_at is null`,
        values: [collection.id],
      });
      const found = await target.store.count(collection.name, undefined, {
        signal,
        timeoutMs: 15_000,
      });
      return found === Number(expected?.points);
    },
    { isolation: "repeatable read", timeoutMs: transactionMs },
  );
}

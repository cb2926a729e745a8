/**
 * The part `delivery`: keeps a vector store outside of PostgreSQL equal to `vectors.points`, which the part
 * `stream` writes and which is the truth. While the store is away nothing is lost, as the points wait in
 * PostgreSQL; afterwards they are delivered in the order in which they changed. Collections and aliases are
 * mirrored too. Several workers may run: they take turns, a page at a time.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Database, Notifications } from "../../../core/ports/database.ts";
import type { Part } from "../../../core/ports/part.ts";
import {
  type CollectionSettings,
  type VectorStore,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { createWake } from "../../../timing/wake.ts";
import { pointsChannel } from "../feed.ts";
import { type PendingAliases, readAliases, switchReadyAliases } from "./aliases.ts";
import { type DeliveryLag, readLag } from "./lag.ts";
import { countsAgree, deliverPage, resetDelivery, type Target } from "./page.ts";

export interface DeliveryOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** With its guard inside: a breaker that is open means waiting here. */
  readonly store: VectorStore;
  /** Names the store in `vectors.deliveries`; another name starts from the beginning. Default `qdrant`. */
  readonly storeName?: string;
  /** Points delivered at a time; default 500. */
  readonly pagePoints?: number;
  /** How often a store that has everything is asked whether it still does; default a minute. */
  readonly verifyMs?: number;
  readonly onDelivered?: (page: { readonly collection: string; readonly points: number }) => void;
  readonly onError?: (error: unknown) => void;
}

export interface Delivery extends Part {
  /** How far the store is behind PostgreSQL, by collection. */
  stats(): Promise<readonly DeliveryLag[]>;
  /** Fills the store's collection again, from the beginning; false when there is no such collection. */
  rebuild(collection: string): Promise<boolean>;
}

interface Row extends CollectionSettings {
  readonly id: number;
  readonly name: string;
}

const pollMs = 1_000;
const backoffMs = { first: 100, last: 5_000 } as const;
/** Of one collection, before the next has its turn. */
const pagesInARow = 10;

export function createDelivery(options: DeliveryOptions): Delivery {
  const { database, store, verifyMs = 60_000 } = options;
  const storeName = options.storeName ?? "qdrant";
  const target: Target = { database, store, storeName, pagePoints: options.pagePoints ?? 500 };
  /** When each collection was last compared with the store, by `performance.now()`. */
  const verified = new Map<number, number>();
  const pending: PendingAliases = new Map();
  const problems = new Map<string, string>();

  async function run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = options.notifications.subscribe(pointsChannel, () => wake.wake());
    let backoff: number = backoffMs.first;
    try {
      while (!signal.aborted) {
        try {
          const more = await pass(signal);
          problems.delete("");
          backoff = backoffMs.first;
          if (!more) await wake.wait(pollMs, signal);
        } catch (error) {
          if (signal.aborted) return;
          problems.set("", messageOf(error));
          options.onError?.(error);
          await delay(backoff, undefined, { signal }).catch(() => {});
          backoff = Math.min(backoff * 2, backoffMs.last);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  /** Once through everything; true when there is more to do at once. */
  async function pass(signal: AbortSignal): Promise<boolean> {
    await readAliases(database, pending);
    const rows = await readCollections(database);
    await removeGone(signal);
    await database.query({
      text: `insert into vectors.deliveries (store, collection_id, name)
             select $1, id, name from vectors.collections on conflict do nothing`,
      values: [storeName],
    });
    let more = false;
    for (const row of rows) {
      if (signal.aborted) return false;
      try {
        more = (await deliverCollection(row, signal)) || more;
        problems.delete(row.name);
      } catch (error) {
        // away for one is away for all; anything else is this collection's own trouble
        if (!(error instanceof VectorStoreError) || error.retryable || signal.aborted) throw error;
        problems.set(row.name, `Collection "${row.name}": ${error.message}`);
        options.onError?.(error);
      }
    }
    await switchReadyAliases(target, pending, signal);
    return more;
  }

  async function deliverCollection(row: Row, signal: AbortSignal): Promise<boolean> {
    const last = verified.get(row.id);
    const isDue = last === undefined || performance.now() - last > verifyMs;
    if (isDue) await ensureCollection(row, signal);
    for (let pages = 0; pages < pagesInARow; pages++) {
      let page: Awaited<ReturnType<typeof deliverPage>>;
      try {
        page = await deliverPage(target, row, signal);
      } catch (error) {
        if (!(error instanceof VectorStoreError && error.code === "not_found")) throw error;
        verified.delete(row.id);
        await ensureCollection(row, signal);
        return true;
      }
      if (page.points > 0) options.onDelivered?.({ collection: row.name, points: page.points });
      if (page.state === "busy") return false;
      if (page.state === "more") continue;
      if (!isDue) return false;
      const agrees = await countsAgree(target, row, signal);
      if (agrees === false) await resetDelivery(target, row.id);
      if (agrees !== undefined) verified.set(row.id, performance.now());
      return agrees === false;
    }
    return true;
  }

  /** One that is missing there is filled from the beginning: the position goes back before it is made. */
  async function ensureCollection(row: Row, signal: AbortSignal): Promise<void> {
    const there = await store.collection(row.name, { signal });
    if (there === undefined) await resetDelivery(target, row.id);
    await store.createCollection(row.name, row, { signal });
  }

  /** Collections that are gone from PostgreSQL, also those whose name a new one has. */
  async function removeGone(signal: AbortSignal): Promise<void> {
    const gone = await database.query<{ collection_id: number; name: string }>({
      text: `select d.collection_id, d.name from vectors.deliveries d
             where d.store = $1 and not exists (select from vectors.collections c where c.id = d.collection_id)`,
      values: [storeName],
    });
    for (const { collection_id, name } of gone) {
      const isReused = await database.query({
        text: `select from vectors.deliveries where store = $1 and name = $2 and collection_id > $3`,
        values: [storeName, name, collection_id],
      });
      if (isReused.length === 0) await store.deleteCollection(name, { signal });
      await database.query({
        text: "delete from vectors.deliveries where store = $1 and collection_id = $2",
        values: [storeName, collection_id],
      });
      verified.delete(collection_id);
      problems.delete(name);
    }
  }

  return {
    name: "delivery",
    run,
    problem: () => problems.values().next().value,
    stats: () => readLag(database, storeName),
    async rebuild(name) {
      const [row] = await database.query<{ id: number }>({
        text: "select id from vectors.collections where name = $1",
        values: [name],
      });
      if (row === undefined) return false;
      await resetDelivery(target, row.id);
      await database.query({ text: `notify ${pointsChannel}` });
      return true;
    },
  };
}

async function readCollections(database: Database): Promise<Row[]> {
  return database.query<Row>({
    text: `select id, name, dimension, payload_indexes as "payloadIndexes"
           from vectors.collections order by id`,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

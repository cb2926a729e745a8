/**
 * Keeps one collection in the index: loads it from its cache file or from PostgreSQL, then follows the change feed.
 * The index worker processes messages in order, so a query that is sent after a change finds it.
 */
import type { Database } from "../../../core/ports/database.ts";
import { VectorStoreError } from "../../../core/ports/vector-store.ts";
import { createWake, type Wake } from "../../../timing/wake.ts";
import { currentPosition, FeedGapError, floatsOf, readRawChanges } from "../feed.ts";
import type { CollectionRow } from "./catalogue.ts";
import { toVectorStoreError } from "./errors.ts";
import type { IndexClient } from "./index/client.ts";
import type { Size } from "./index/messages.ts";
import { readLoadPage } from "./load-page.ts";
import { countPoints } from "./points.ts";

export type EmbeddedEvent =
  | {
      readonly event: "loaded";
      readonly collection: string;
      readonly from: "cache" | "database";
      readonly points: number;
      readonly milliseconds: number;
    }
  /** A cache file exists but was not used. */
  | { readonly event: "cache_refused"; readonly collection: string; readonly reason: string }
  | { readonly event: "cache_failed"; readonly collection: string; readonly error: Error }
  /** The collection is loaded again: PostgreSQL crashed, or tombstones that it had not read yet were purged. */
  | { readonly event: "feed_gap"; readonly collection: string }
  /** Will be retried; meanwhile queries use what the index has. */
  | { readonly event: "feed_failed"; readonly collection: string; readonly error: Error }
  | { readonly event: "worker_lost"; readonly error: Error };

export interface FollowerOptions {
  readonly database: Database;
  readonly index: IndexClient;
  readonly cacheFile: string | undefined;
  /** Throws if so many bytes for this collection exceed the limit. */
  readonly admit: (bytes: number) => void;
  /** The index is not correct any more and must be dropped. */
  readonly onBroken: (error: Error) => void;
  readonly onEvent: (event: EmbeddedEvent) => void;
}

const pollMs = 500;
const changesAtOnce = 1_000;
const longestPauseMs = 5_000;

export class Follower {
  readonly row: CollectionRow;
  /** Resolves when queries can be sent; rejects if the collection could not be loaded. */
  readonly ready: Promise<void>;
  isReady = false;
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  readonly #wake: Wake = createWake();
  #position = "";
  /** In which the position is valid, and which the points in the index come from. */
  #incarnation = "";
  /** Position of the cache file on disk. */
  #savedPosition: string | undefined;
  #changedSinceSave = 0;
  #removedSinceSave = false;
  #size: Size = { points: 0, bytes: 0 };
  #from: "cache" | "database" = "database";
  #loadMs = 0;
  #readAt = 0;
  #lastUsed = performance.now();
  /** The read in progress, and the next one, which calls of `catchUp` made meanwhile wait for. */
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #following: Promise<void> = Promise.resolve();

  constructor(row: CollectionRow, options: FollowerOptions) {
    this.row = row;
    this.#options = options;
    this.ready = this.#begin();
    this.ready.catch(() => {});
  }

  get stats() {
    return {
      collection: this.row.name,
      points: this.#size.points,
      bytes: this.#size.bytes,
      from: this.#from,
      loadMs: this.#loadMs,
      /** Since the last successful read of the feed. */
      lagMs: this.#readAt === 0 ? 0 : performance.now() - this.#readAt,
      idleMs: performance.now() - this.#lastUsed,
      state: this.isReady ? ("ready" as const) : ("loading" as const),
    };
  }

  touch(): void {
    this.#lastUsed = performance.now();
  }

  wake(): void {
    this.#wake.wake();
  }

  /** Resolves when the index has everything that was committed before this call. */
  async catchUp(): Promise<void> {
    await this.ready;
    if (this.#reading === undefined) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
      return this.#reading;
    }
    // the read in progress may have begun before the commit; the next one begins after it
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.catchUp();
      });
    return this.#next;
  }

  /** Writes the cache file if the one on disk is older. */
  async save(): Promise<void> {
    const { cacheFile, index, onEvent } = this.#options;
    if (cacheFile === undefined || !this.isReady) return;
    if (this.#savedPosition !== undefined && this.#changedSinceSave === 0) return;
    const position = this.#position;
    const changes = this.#changedSinceSave;
    this.#changedSinceSave = 0;
    this.#removedSinceSave = false;
    try {
      await index.request("save", {
        collectionId: this.row.id,
        file: cacheFile,
        identity: this.row.identity,
        position,
      });
      this.#savedPosition = position;
    } catch (error) {
      // still to be saved: the next attempt may find space
      this.#changedSinceSave += changes;
      onEvent({ event: "cache_failed", collection: this.row.name, error: asError(error) });
    }
  }

  /** Number of changes since the cache file was written; a removal counts as many: the file may hold an erased user. */
  get unsaved(): number {
    const isUrgent = this.#savedPosition === undefined || this.#removedSinceSave;
    return isUrgent ? Number.POSITIVE_INFINITY : this.#changedSinceSave;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.wake();
    await this.ready.catch(() => {});
    await this.#following;
  }

  async #begin(): Promise<void> {
    const { onEvent } = this.#options;
    const started = performance.now();
    try {
      await this.#load(this.#options.cacheFile);
    } catch (error) {
      if (!(error instanceof FeedGapError)) throw toVectorStoreError(error);
      onEvent({
        event: "cache_refused",
        collection: this.row.name,
        reason: "the feed cannot be continued from its position",
      });
      await this.#load(undefined).catch((again: unknown) => {
        throw toVectorStoreError(again);
      });
    }
    this.#loadMs = performance.now() - started;
    this.isReady = true;
    onEvent({
      event: "loaded",
      collection: this.row.name,
      from: this.#from,
      points: this.#size.points,
      milliseconds: this.#loadMs,
    });
    this.#following = this.#follow();
  }

  async #load(cacheFile: string | undefined): Promise<void> {
    const { database, index, onEvent } = this.#options;
    const { id, name, dimension, payloadIndexes, identity, incarnation } = this.row;
    await database.query({ text: "select vectors.mend_feed($1)", values: [id] });
    const start = await currentPosition(database);
    const points = await countPoints(database, id);
    this.#options.admit(points * (5.2 * dimension + 500));
    const opened = await index.request("open", {
      collectionId: id,
      dimension,
      declared: Object.keys(payloadIndexes),
      cache: cacheFile === undefined ? undefined : { file: cacheFile, identity },
    });
    if (opened.refused !== undefined) {
      onEvent({ event: "cache_refused", collection: name, reason: opened.refused });
    }
    this.#from = opened.position === undefined ? "database" : "cache";
    this.#position = opened.position ?? start.position;
    // a cache file of another incarnation is refused by its identity
    this.#incarnation = opened.position === undefined ? start.incarnation : incarnation;
    this.#savedPosition = opened.position;
    this.#size = opened.size;
    if (opened.position === undefined) await this.#loadPoints();
    await this.#read();
    await this.#checkCount();
  }

  /** Page by page, each in a statement of its own: changes made meanwhile are in the feed. */
  async #loadPoints(): Promise<void> {
    const { database, index, admit } = this.#options;
    const collectionId = this.row.id;
    for (let after: string | undefined; ; ) {
      this.#stop.signal.throwIfAborted();
      const page = await readLoadPage(database, collectionId, after);
      if (page === undefined) return;
      this.#size = await index.request(
        "load",
        { collectionId, page: { ids: page.ids, vectors: page.vectors, payloads: page.payloads } },
        [page.vectors],
      );
      admit(this.#size.bytes);
      after = page.next;
      if (after === undefined) return;
    }
  }

  /** Finds an intact cache file of other data, for example one from before the database files were restored. */
  async #checkCount(): Promise<void> {
    if (this.#from === "database") return;
    const points = await countPoints(this.#options.database, this.row.id);
    await this.#read();
    // concurrent writers can cause a small difference, but not a large one
    const difference = Math.abs(points - this.#size.points);
    if (difference > 100 + this.#size.points / 100) throw new FeedGapError("another collection");
  }

  async #read(): Promise<void> {
    const { database, index } = this.#options;
    const collectionId = this.row.id;
    for (let more = true; more; ) {
      const page = await readRawChanges(database, {
        collectionId,
        position: this.#position,
        incarnation: this.#incarnation,
        limit: changesAtOnce,
      });
      // not awaited: the next query is processed after it anyway
      const changes = page.changes.map(({ id, vector, payload, deleted }) => ({
        id,
        vector: vector === null ? undefined : floatsOf(vector),
        payload: deleted ? undefined : payload,
      }));
      if (changes.length > 0) {
        const applied = index.request("change", { collectionId, changes }).then((size) => {
          this.#size = size;
          this.#options.admit(size.bytes);
        });
        if (page.more || !this.isReady) await applied;
        else applied.catch((error: unknown) => this.#options.onBroken(asError(error)));
      }
      this.#changedSinceSave += changes.length;
      this.#removedSinceSave ||= page.changes.some(({ deleted }) => deleted);
      ({ position: this.#position, more } = page);
      if (page.gone && this.isReady) {
        this.#options.onBroken(new Error("the collection was deleted"));
      }
    }
    this.#readAt = performance.now();
  }

  async #follow(): Promise<void> {
    const { onEvent } = this.#options;
    const { signal } = this.#stop;
    for (let pause = pollMs; ; ) {
      await this.#wake.wait(pause, signal);
      if (signal.aborted) return;
      try {
        await this.catchUp();
        pause = pollMs;
      } catch (error) {
        if (error instanceof FeedGapError) {
          onEvent({ event: "feed_gap", collection: this.row.name });
          return this.#options.onBroken(error);
        }
        if (error instanceof VectorStoreError) return this.#options.onBroken(error);
        onEvent({ event: "feed_failed", collection: this.row.name, error: asError(error) });
        pause = Math.min(pause * 2, longestPauseMs);
      }
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

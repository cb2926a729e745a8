/** The collections in the index: loaded on first use, dropped when idle, within the memory limit. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Database, Notifications } from "../../../core/ports/database.ts";
import { VectorStoreError } from "../../../core/ports/vector-store.ts";
import { pointsChannel } from "../feed.ts";
import type { CollectionRow } from "./catalogue.ts";
import { type EmbeddedEvent, Follower } from "./follower.ts";
import { removeDrafts } from "./index/cache.ts";
import { createIndexClient } from "./index/client.ts";

export interface IndexesOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** Folder of the cache files, created if it is missing. Undefined: no cache files. */
  readonly cacheFolder: string | undefined;
  /** Limit for all collections in the index together. */
  readonly memoryLimitBytes: number;
  /** A collection without queries for this time is dropped from the index; default 1 hour. */
  readonly idleMs?: number;
  readonly onEvent?: (event: EmbeddedEvent) => void;
}

const defaultIdleMs = 60 * 60_000;
const cleanUpEveryMs = 60_000;
/** A cache file is written when this share of the points has changed, and on close. */
const unsavedShare = 0.1;
/** Collections used within this time are not dropped to make room for another. */
const recentMs = 60_000;

export class Indexes {
  readonly #options: IndexesOptions;
  readonly #client = createIndexClient();
  readonly #followers = new Map<number, Follower>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(options: IndexesOptions) {
    this.#options = options;
    this.#unsubscribe = options.notifications.subscribe(pointsChannel, () => {
      for (const follower of this.#followers.values()) follower.wake();
    });
    this.#timer = setInterval(() => void this.#cleanUp(), cleanUpEveryMs).unref();
    this.#client.onLost((error) => this.#restart(error));
    if (options.cacheFolder !== undefined) {
      void removeDrafts(options.cacheFolder);
    }
  }

  get client() {
    return this.#client;
  }

  get stats(): readonly Follower["stats"][] {
    return [...this.#followers.values()].map(({ stats }) => stats);
  }

  /** Undefined if the collection is neither loaded nor being loaded. */
  peek(collectionId: number): Follower | undefined {
    return this.#followers.get(collectionId);
  }

  /** Ready for queries. Rejects with `unavailable`. */
  async loaded(row: CollectionRow): Promise<Follower> {
    let follower = this.#followers.get(row.id);
    if (follower === undefined) {
      if (this.#closed) {
        throw new VectorStoreError("The vector store is closed.", { code: "unavailable" });
      }
      follower = this.#follow(row);
    }
    follower.touch();
    await follower.ready;
    return follower;
  }

  async drop(collectionId: number): Promise<void> {
    const follower = this.#followers.get(collectionId);
    if (follower === undefined) return;
    this.#followers.delete(collectionId);
    await follower.stop();
    if (this.#closed || this.#followers.has(collectionId)) return;
    await this.#client.request("drop", { collectionId }).catch(() => {});
  }

  /** Drops the collection and deletes its cache file, because the collection was deleted. */
  async forget(row: CollectionRow): Promise<void> {
    await this.drop(row.id);
    const file = this.#cacheFile(row);
    if (file !== undefined) await rm(file, { force: true });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
    const followers = [...this.#followers.values()];
    await Promise.all(followers.map((follower) => follower.stop()));
    // one after the other: they share one disk and one thread
    for (const follower of followers) await follower.save();
    await this.#client.close();
    this.#followers.clear();
  }

  #follow(row: CollectionRow): Follower {
    const { database, onEvent = () => {} } = this.#options;
    const follower = new Follower(row, {
      database,
      index: this.#client,
      cacheFile: this.#cacheFile(row),
      admit: (bytes) => this.#admit(row, bytes),
      onBroken: () => void this.#dropIf(follower),
      onEvent,
    });
    this.#followers.set(row.id, follower);
    // the next query loads it again
    follower.ready.catch(() => this.#dropIf(follower));
    return follower;
  }

  async #dropIf(follower: Follower): Promise<void> {
    if (this.#followers.get(follower.row.id) === follower) await this.drop(follower.row.id);
  }

  /** Throws if a collection of so many bytes does not fit beside the others in use. */
  #admit(row: CollectionRow, bytes: number): void {
    const limit = this.#options.memoryLimitBytes;
    const others = [...this.#followers.values()]
      .filter((follower) => follower.row.id !== row.id)
      .sort((a, b) => b.stats.idleMs - a.stats.idleMs);
    let used = others.reduce((sum, { stats }) => sum + stats.bytes, bytes);
    for (const other of others) {
      if (used <= limit || other.stats.idleMs < recentMs) break;
      used -= other.stats.bytes;
      void this.drop(other.row.id);
    }
    if (used <= limit) return;
    const megabytes = (n: number): string => `${Math.ceil(n / 2 ** 20)} MiB`;
    throw new VectorStoreError(
      `The index of the collection "${row.name}" needs about ${megabytes(bytes)}; with the others in use ` +
        `that is more than the limit of ${megabytes(limit)}. Raise vectors.memory_mib, the limit for the ` +
        "embedded vector index, delete collections that are not needed, or use Qdrant.",
      { code: "over_limit" },
    );
  }

  #cacheFile({ name, id }: CollectionRow): string | undefined {
    const { cacheFolder } = this.#options;
    if (cacheFolder === undefined) return undefined;
    // a name may contain any character: those allowed in a file name, and a hash to keep names distinct
    const readable = name.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 60);
    const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
    return join(cacheFolder, `${id}-${readable}-${hash}.points`);
  }

  #restart(error: Error): void {
    this.#options.onEvent?.({ event: "worker_lost", error });
    const rows = [...this.#followers.values()].map(({ row }) => row);
    const lost = [...this.#followers.values()];
    this.#followers.clear();
    for (const follower of lost) void follower.stop();
    for (const row of rows) this.#follow(row);
  }

  async #cleanUp(): Promise<void> {
    const { idleMs = defaultIdleMs } = this.#options;
    for (const follower of this.#followers.values()) {
      const { stats, unsaved } = follower;
      if (stats.state !== "ready") continue;
      const isIdle = stats.idleMs > idleMs;
      if (isIdle || unsaved > 1_000 + stats.points * unsavedShare) await follower.save();
      if (isIdle) await this.#dropIf(follower);
    }
  }
}

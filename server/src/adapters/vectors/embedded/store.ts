/** The vector store's embedded driver: points in PostgreSQL, queries in an index in memory. */
import type { Database, Statement } from "../../../core/ports/database.ts";
import {
  type CallOptions,
  type Payload,
  type Point,
  type ScoredPoint,
  type StoredPoint,
  type VectorQuery,
  type VectorStore,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { isCanonicalUuid } from "../../../core/uuid.ts";
import { pointsChannel } from "../feed.ts";
import { Catalogue } from "./catalogue.ts";
import { limitsOf, toVectorStoreError, within } from "./errors.ts";
import { checkFilter } from "./index/filter.ts";
import { Indexes, type IndexesOptions } from "./indexes.ts";
import { deleteMatching, readPoints, scrollPoints, writePoints } from "./points.ts";

export type EmbeddedStoreOptions = IndexesOptions;

export interface EmbeddedStore extends VectorStore {
  readonly driver: "embedded";
  /** Loads these collections (names or aliases) into the index; those that are not there are left out. */
  warm(names: readonly string[], options?: CallOptions): Promise<void>;
  /** The collections in the index. */
  stats(): readonly IndexStats[];
  /** Ends the index's thread as a crash would. For tests. */
  crashIndex(): Promise<void>;
}

export interface IndexStats {
  readonly collection: string;
  readonly points: number;
  readonly bytes: number;
  readonly from: "cache" | "database";
  readonly loadMs: number;
  /** Since the feed of changes was last read. */
  readonly lagMs: number;
  readonly idleMs: number;
  readonly state: "ready" | "loading";
}

/** Starts nothing yet: the index's thread comes with the first query. `close` writes the cache files. */
export function createEmbeddedStore(options: EmbeddedStoreOptions): EmbeddedStore {
  const { database } = options;
  const catalogue = new Catalogue(database, options.notifications);
  const indexes = new Indexes(options);

  const run = <T>(call: CallOptions | undefined, work: () => Promise<T>): Promise<T> =>
    within(work, limitsOf(call));

  /** Commits, then waits until queries of this process see it and tells the other processes. */
  async function change(collectionId: number, work: () => Promise<unknown>): Promise<void> {
    await work();
    await Promise.all([
      // readers poll as well
      database.query({ text: `notify ${pointsChannel}` }).catch(() => {}),
      // what is committed is committed: an index that fails is built again by whoever queries it
      indexes
        .peek(collectionId)
        ?.catchUp()
        .catch(() => {}),
    ]);
  }

  async function query(name: string, wanted: VectorQuery): Promise<ScoredPoint[]> {
    const { vector, filter, limit, with_payload = false, with_vector = false } = wanted;
    if (!Number.isInteger(limit) || limit < 1) throw invalid("limit is a whole number from 1 on");
    if (filter !== undefined) checkFilter(filter);
    const row = await catalogue.get(name);
    checkLength(vector, row.dimension);
    const request = {
      collectionId: row.id,
      query: {
        vector: normalised(vector),
        filter,
        limit,
        threshold: wanted.score_threshold ?? Number.NEGATIVE_INFINITY,
        withPayload: with_payload,
        withVector: with_vector,
      },
    };
    const hits = await ask(row, () => indexes.client.request("query", request));
    return hits.map(({ payload, ...hit }) =>
      payload === undefined ? hit : { ...hit, payload: JSON.parse(payload) as Payload },
    );
  }

  /** Again once when the index's thread died under it. */
  async function ask<T>(row: Parameters<Indexes["loaded"]>[0], work: () => Promise<T>): Promise<T> {
    const follower = await indexes.loaded(row);
    try {
      return await work();
    } catch (error) {
      if (indexes.peek(row.id) === follower) throw error;
      await indexes.loaded(row);
      return work();
    }
  }

  return {
    driver: "embedded",

    createCollection: (name, { dimension, payloadIndexes = {} }, call) =>
      run(call, async () => {
        if (!Number.isInteger(dimension) || dimension < 1 || dimension > 4_096) {
          throw invalid("a collection has 1 to 4096 dimensions");
        }
        await catalogue.create(name, dimension, payloadIndexes);
      }),

    deleteCollection: (name, call) =>
      run(call, async () => {
        const row = await catalogue.find(name);
        if (row?.name !== name) return;
        await catalogue.drop(name);
        await indexes.forget(row);
      }),

    collection: (name, call) =>
      run(call, async () => {
        const row = await catalogue.find(name);
        if (row === undefined) return undefined;
        const points = await countAll(database, row.id);
        const state = indexes.peek(row.id)?.stats.state ?? "ready";
        return { name, dimension: row.dimension, points, state };
      }),

    switchAliases: (aliases, call) =>
      run(call, async () => {
        if (Object.keys(aliases).length > 0) await catalogue.switchAliases(aliases);
      }),

    aliases: (call) => run(call, () => catalogue.aliases()),

    upsert: (collection, points, call) =>
      run(call, async () => {
        const row = await catalogue.get(collection);
        const ready = points.map((point) => checked(point, row.dimension));
        if (ready.length === 0) return;
        await change(row.id, () => writePoints(database, row.id, ready));
      }),

    setPayload: (collection, { ids, payload }, call) =>
      run(call, async () => {
        checkIds(ids);
        const row = await catalogue.get(collection);
        const statement: Statement = {
          text: "select vectors.set_payload($1, $2::uuid[], $3::jsonb)",
          values: [row.id, ids, toJson(payload)],
        };
        await change(row.id, () => database.query(statement));
      }),

    delete: (collection, which, call) =>
      run(call, async () => {
        if ("ids" in which) checkIds(which.ids);
        else checkFilter(which.filter);
        const row = await catalogue.get(collection);
        const statement: Statement = {
          text: "select vectors.delete_points($1, $2::uuid[])",
          values: [row.id, "ids" in which ? which.ids : []],
        };
        await change(row.id, () =>
          "ids" in which
            ? database.query(statement)
            : deleteMatching(database, row.id, which.filter),
        );
      }),

    retrieve: (collection, ids, call) =>
      run(call, async () => {
        checkIds(ids);
        const row = await catalogue.get(collection);
        const found = await readPoints(database, row.id, {
          ids,
          withPayload: call?.with_payload ?? true,
          withVector: call?.with_vector ?? false,
        });
        const byId = new Map<string, StoredPoint>(found.map((point) => [point.id, point]));
        return ids.flatMap((id) => byId.get(id) ?? []);
      }),

    scroll: (collection, { filter, limit, offset, with_vector = false }, call) =>
      run(call, async () => {
        if (!Number.isInteger(limit) || limit < 1)
          throw invalid("limit is a whole number from 1 on");
        if (filter !== undefined) checkFilter(filter);
        if (offset !== undefined) checkIds([offset]);
        const row = await catalogue.get(collection);
        return scrollPoints(database, row.id, { filter, limit, offset, withVector: with_vector });
      }),

    count: (collection, filter, call) =>
      run(call, async () => {
        if (filter !== undefined) checkFilter(filter);
        const row = await catalogue.get(collection);
        if (filter === undefined) return countAll(database, row.id);
        return ask(row, () => indexes.client.request("count", { collectionId: row.id, filter }));
      }),

    query: (collection, wanted, call) => run(call, () => query(collection, wanted)),

    ping: (call) =>
      run(call, async () => {
        const [row] = await database.query<{ version: string }>({
          text: "select current_setting('server_version') as version",
        });
        return { version: `PostgreSQL ${row?.version}` };
      }),

    warm: (names, call) =>
      run(call, async () => {
        for (const name of names) {
          const row = await catalogue.find(name);
          if (row !== undefined) await indexes.loaded(row);
        }
      }),

    stats: () => indexes.stats,

    crashIndex: () => indexes.client.terminate(),

    async close() {
      catalogue.close();
      await indexes.close().catch((error: unknown) => {
        throw toVectorStoreError(error);
      });
    },
  };
}

async function countAll(database: Database, collectionId: number): Promise<number> {
  const [row] = await database.query<{ points: number }>({
    name: "vectors_count",
    text: `select count(*)::int as points from vectors.points
         where collection_id = $1 and deleted_at is null`,
    values: [collectionId],
  });
  return row?.points ?? 0;
}

function checked(point: Point, dimension: number): { id: string; vector: Buffer; payload: string } {
  checkIds([point.id]);
  checkLength(point.vector, dimension);
  const { buffer, byteOffset, byteLength } = normalised(point.vector);
  return {
    id: point.id,
    vector: Buffer.from(buffer, byteOffset, byteLength),
    payload: toJson(point.payload),
  };
}

function toJson(payload: Payload): string {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw invalid("a payload is an object");
  }
  return JSON.stringify(payload);
}

function checkIds(ids: readonly string[]): void {
  const wrong = ids.find((id) => !isCanonicalUuid(id));
  if (wrong !== undefined) throw invalid(`"${wrong.slice(0, 64)}" is not a canonical UUID`);
}

function checkLength(vector: Float32Array, dimension: number): void {
  if (vector.length === dimension) return;
  throw new VectorStoreError(
    `The collection has ${dimension} dimensions and the vector ${vector.length}.`,
    { code: "dimension_mismatch" },
  );
}

/** Of length 1; zero stays zero, and its score is 0 with everything. */
function normalised(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const component of vector) squares += component * component;
  if (!Number.isFinite(squares)) throw invalid("a component of the vector is not a finite number");
  const length = Math.sqrt(squares);
  if (length === 0 || Math.abs(length - 1) < 1e-6) return vector;
  return vector.map((component) => component / length);
}

function invalid(detail: string): VectorStoreError {
  return new VectorStoreError(`${detail[0]?.toUpperCase()}${detail.slice(1)}.`, {
    code: "invalid",
  });
}

/** The vector store's driver for Qdrant, version 1.10 (its universal query API) or later. */

import {
  type CollectionSettings,
  type Payload,
  type Point,
  type ScoredPoint,
  type StoredPoint,
  type VectorStore,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { isCanonicalUuid } from "../../../core/uuid.ts";
import { toQdrantFilter } from "./filter.ts";
import { connectQdrant, type QdrantClient, type QdrantConnection } from "./http.ts";

export interface QdrantOptions extends QdrantConnection {
  /** Collections made by this driver keep int8 copies of the vectors in memory for the search. */
  readonly scalarQuantisation?: boolean;
  /** Bytes of one upsert's body at most; default 8 MiB. Qdrant's own limit is 32 MiB. */
  readonly batchBytes?: number;
  /** Points of one upsert at most; default 1,000. */
  readonly batchPoints?: number;
}

interface QdrantPoint {
  readonly id: string;
  readonly payload?: Payload | null;
  readonly vector?: number[];
  readonly score?: number;
}

interface QdrantInfo {
  readonly status: "green" | "yellow" | "grey" | "red";
  readonly config: { readonly params: { readonly vectors: { readonly size?: number } } };
  readonly payload_schema: Readonly<Record<string, unknown>>;
}

/** Opens no connection yet. `close` ends the kept ones. */
export function createQdrantStore(options: QdrantOptions): VectorStore {
  const client = connectQdrant(options);
  const at = (collection: string, rest = ""): string =>
    `/collections/${encodeURIComponent(collection)}${rest}`;

  return {
    driver: "qdrant",
    createCollection: (name, settings, call) =>
      createCollection(client, { ...settings, name, call, options, path: at(name) }),

    async deleteCollection(name, call) {
      await client.call("DELETE", at(name), { options: call });
    },

    async collection(name, call) {
      const info = await readInfo(client, at(name), call);
      if (info === undefined) return undefined;
      // `points_count` of the information is an estimate
      const body = { exact: true };
      const { count } = await client.call<{ count: number }>("POST", at(name, "/points/count"), {
        body,
        options: call,
      });
      // yellow and grey still answer with every point; only their index is unfinished
      const state = info.status === "red" ? "loading" : "ready";
      return { name, dimension: dimensionOf(info), points: count, state };
    },

    async switchAliases(aliases, call) {
      const wanted = Object.entries(aliases);
      if (wanted.length === 0) return;
      // looked up before, as Qdrant applies the actions before the one that it refuses
      const { collections } = await client.call<{ collections: { name: string }[] }>(
        "GET",
        "/collections",
        { options: call },
      );
      const there = new Set(collections.map((collection) => collection.name));
      const missing = wanted.find(([, collection]) => !there.has(collection));
      if (missing !== undefined) {
        throw new VectorStoreError(`There is no collection "${missing[1]}" for an alias.`, {
          code: "not_found",
        });
      }
      const now = await listAliases(client, call);
      const actions = wanted.flatMap(([alias, collection]) => [
        ...(now[alias] === undefined ? [] : [{ delete_alias: { alias_name: alias } }]),
        { create_alias: { alias_name: alias, collection_name: collection } },
      ]);
      await client.call("POST", "/collections/aliases", { body: { actions }, options: call });
    },

    aliases: (call) => listAliases(client, call),

    async upsert(collection, points, call) {
      if (points.length === 0) return;
      // all are looked at before the first is sent
      const dimension = points[0]?.vector.length ?? 0;
      for (const point of points) checkPoint(point, dimension);
      for (const body of batches(points, options)) {
        await client.call("PUT", at(collection, "/points?wait=true"), { body, options: call });
      }
    },

    async setPayload(collection, { ids, payload }, call) {
      if (ids.length === 0) return;
      // by a filter, as Qdrant refuses the whole call when one of the ids named is not there
      const body = { payload, filter: { must: [{ has_id: checkIds(ids) }] } };
      await client.call("POST", at(collection, "/points/payload?wait=true"), {
        body,
        options: call,
      });
    },

    async delete(collection, which, call) {
      const body =
        "ids" in which
          ? { points: checkIds(which.ids) }
          : { filter: toQdrantFilter(which.filter) ?? {} };
      await client.call("POST", at(collection, "/points/delete?wait=true"), {
        body,
        options: call,
      });
    },

    async retrieve(collection, ids, call) {
      const { with_payload = true, with_vector = false } = call ?? {};
      const body = { ids: checkIds(ids), with_payload, with_vector };
      const found = await client.call<QdrantPoint[]>("POST", at(collection, "/points"), {
        body,
        options: call,
      });
      const byId = new Map(found.map((point) => [point.id, toPoint(point)]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    },

    async scroll(collection, { filter, limit, offset, with_vector = false }, call) {
      const body = {
        filter: toQdrantFilter(filter),
        limit,
        ...(offset === undefined ? {} : { offset }),
        with_payload: true,
        with_vector,
      };
      const page = await client.call<{ points: QdrantPoint[]; next_page_offset: string | null }>(
        "POST",
        at(collection, "/points/scroll"),
        { body, options: call },
      );
      return { points: page.points.map(toPoint), next: page.next_page_offset ?? undefined };
    },

    async count(collection, filter, call) {
      const body = { exact: true, filter: toQdrantFilter(filter) };
      const { count } = await client.call<{ count: number }>(
        "POST",
        at(collection, "/points/count"),
        { body, options: call },
      );
      return count;
    },

    async query(collection, { vector, filter, with_payload, with_vector, ...rest }, call) {
      const body = {
        query: normalised(vector),
        limit: rest.limit,
        ...(rest.score_threshold === undefined ? {} : { score_threshold: rest.score_threshold }),
        filter: toQdrantFilter(filter),
        with_payload: with_payload ?? false,
        with_vector: with_vector ?? false,
      };
      const { points } = await client.call<{ points: QdrantPoint[] }>(
        "POST",
        at(collection, "/points/query"),
        { body, options: call },
      );
      return points.map((point): ScoredPoint => ({ ...toPoint(point), score: point.score ?? 0 }));
    },

    async ping(call) {
      // the first answers without a key, the second only with it
      const { version } = await client.call<{ version?: string }>("GET", "/", { options: call });
      await client.call("GET", "/collections", { options: call });
      return { version: version ?? "unknown" };
    },

    async close() {
      client.close();
    },
  };
}

type Call = Parameters<VectorStore["ping"]>[0];

interface NewCollection extends CollectionSettings {
  readonly name: string;
  readonly path: string;
  readonly options: QdrantOptions;
  readonly call: Call;
}

async function createCollection(client: QdrantClient, wanted: NewCollection): Promise<void> {
  const { name, path, dimension, call, payloadIndexes = {} } = wanted;
  let info = await readInfo(client, path, call);
  if (info === undefined) {
    const quantised = { scalar: { type: "int8", quantile: 0.99, always_ram: true } };
    const body = {
      vectors: { size: dimension, distance: "Cosine" },
      ...(wanted.options.scalarQuantisation === true ? { quantization_config: quantised } : {}),
    };
    try {
      await client.call("PUT", path, { body, options: call });
    } catch (error) {
      // somebody else was first, or an attempt of ours whose answer was lost
      info = await readInfo(client, path, call);
      if (info === undefined) throw error;
    }
  }
  if (info !== undefined && dimensionOf(info) !== dimension) {
    throw new VectorStoreError(
      `The collection "${name}" has ${dimensionOf(info)} dimensions and not ${dimension}: ` +
        "give vectors of another model a collection of their own, or delete this one first.",
      { code: "dimension_mismatch" },
    );
  }
  for (const [field, schema] of Object.entries(payloadIndexes)) {
    if (info?.payload_schema[field] !== undefined) continue;
    const body = { field_name: field, field_schema: schema };
    await client.call("PUT", `${path}/index?wait=true`, { body, options: call });
  }
}

async function readInfo(
  client: QdrantClient,
  path: string,
  call: Call,
): Promise<QdrantInfo | undefined> {
  try {
    return await client.call<QdrantInfo>("GET", path, { options: call });
  } catch (error) {
    if (error instanceof VectorStoreError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** -1 for a collection of several named vectors, which is none of ours. */
function dimensionOf(info: QdrantInfo): number {
  return info.config.params.vectors.size ?? -1;
}

async function listAliases(client: QdrantClient, call: Call): Promise<Record<string, string>> {
  const { aliases } = await client.call<{
    aliases: { alias_name: string; collection_name: string }[];
  }>("GET", "/aliases", { options: call });
  return Object.fromEntries(aliases.map((entry) => [entry.alias_name, entry.collection_name]));
}

/** Bodies of upserts, in order, each within the limits of bytes and points; one point may exceed them. */
function* batches(points: readonly Point[], options: QdrantOptions): Generator<string> {
  const { batchBytes = 8 * 1024 * 1024, batchPoints = 1_000 } = options;
  let batch: string[] = [];
  let bytes = 0;
  for (const { id, vector, payload } of points) {
    const text = JSON.stringify({ id, vector: normalised(vector), payload });
    const size = Buffer.byteLength(text) + 1;
    if (batch.length > 0 && (batch.length >= batchPoints || bytes + size > batchBytes)) {
      yield `{"points":[${batch.join(",")}]}`;
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  yield `{"points":[${batch.join(",")}]}`;
}

/** Qdrant squares in single precision, where a long vector overflows to all zeros. */
function normalised(vector: Float32Array): number[] {
  let squares = 0;
  for (const component of vector) squares += component * component;
  if (!Number.isFinite(squares)) {
    throw new VectorStoreError("A vector has a component that is not a finite number.", {
      code: "invalid",
    });
  }
  const length = Math.sqrt(squares);
  const isUnit = length === 0 || Math.abs(length - 1) < 1e-6;
  return Array.from(isUnit ? vector : vector.map((component) => component / length));
}

function checkPoint({ id, vector }: Point, dimension: number): void {
  checkIds([id]);
  if (vector.length !== dimension) {
    throw new VectorStoreError(
      `The points of one upsert have vectors of ${dimension} and of ${vector.length} dimensions.`,
      { code: "dimension_mismatch" },
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw new VectorStoreError(`The vector of ${id} has a component that is not a finite number.`, {
      code: "invalid",
    });
  }
}

function checkIds(ids: readonly string[]): readonly string[] {
  const wrong = ids.find((id) => !isCanonicalUuid(id));
  if (wrong === undefined) return ids;
  throw new VectorStoreError(`"${wrong.slice(0, 64)}" is not a canonical UUID.`, {
    code: "invalid",
  });
}

function toPoint({ id, payload, vector }: QdrantPoint): StoredPoint {
  return {
    id,
    ...(payload === undefined ? {} : { payload: payload ?? {} }),
    ...(vector === undefined ? {} : { vector: Float32Array.from(vector) }),
  };
}

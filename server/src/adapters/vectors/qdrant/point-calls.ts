/** Points in Qdrant: changes and reads. */
import type { ScoredPoint, VectorStore } from "../../../core/ports/vector-store.ts";
import { type Client, pathOf } from "./calls.ts";
import { toQdrantFilter } from "./filter.ts";
import {
  type BatchLimits,
  checkIds,
  checkPoint,
  normalised,
  type QdrantPoint,
  toPoint,
  upsertBodies,
} from "./points.ts";

type WriteCalls = Pick<VectorStore, "upsert" | "setPayload" | "delete">;
type ReadCalls = Pick<VectorStore, "retrieve" | "scroll" | "count" | "query">;

export function writeCalls(client: Client, limits: BatchLimits): WriteCalls {
  return {
    async upsert(collection, points, call) {
      if (points.length === 0) return;
      // all points are checked before the first is sent
      const dimension = points[0]?.vector.length ?? 0;
      for (const point of points) checkPoint(point, dimension);
      for (const body of upsertBodies(points, limits)) {
        await client.call("PUT", pathOf(collection, "/points?wait=true"), { body, options: call });
      }
    },

    async setPayload(collection, { ids, payload }, call) {
      if (ids.length === 0) return;
      // by a filter, because Qdrant refuses the whole call if one of the named ids does not exist
      const body = { payload, filter: { must: [{ has_id: checkIds(ids) }] } };
      await client.call("POST", pathOf(collection, "/points/payload?wait=true"), {
        body,
        options: call,
      });
    },

    async delete(collection, which, call) {
      const body =
        "ids" in which
          ? { points: checkIds(which.ids) }
          : { filter: toQdrantFilter(which.filter) ?? {} };
      await client.call("POST", pathOf(collection, "/points/delete?wait=true"), {
        body,
        options: call,
      });
    },
  };
}

export function readCalls(client: Client): ReadCalls {
  return {
    async retrieve(collection, ids, call) {
      const { with_payload = true, with_vector = false } = call ?? {};
      const body = { ids: checkIds(ids), with_payload, with_vector };
      const found = await client.call<QdrantPoint[]>("POST", pathOf(collection, "/points"), {
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
        pathOf(collection, "/points/scroll"),
        { body, options: call },
      );
      return { points: page.points.map(toPoint), next: page.next_page_offset ?? undefined };
    },

    async count(collection, filter, call) {
      const body = { exact: true, filter: toQdrantFilter(filter) };
      const { count } = await client.call<{ count: number }>(
        "POST",
        pathOf(collection, "/points/count"),
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
        pathOf(collection, "/points/query"),
        { body, options: call },
      );
      return points.map((point): ScoredPoint => ({ ...toPoint(point), score: point.score ?? 0 }));
    },
  };
}

/** Reads of points: by id and in order from PostgreSQL, by similarity and filter from the index. */
import type {
  Payload,
  ScoredPoint,
  StoredPoint,
  VectorQuery,
  VectorStore,
} from "../../../core/ports/vector-store.ts";
import { inLimits, type StoreContext } from "./calls.ts";
import type { CollectionRow } from "./catalogue.ts";
import { checkIds, checkLength, checkLimit, normalised } from "./checks.ts";
import { checkFilter } from "./index/filter.ts";
import { countPoints, readPoints, scrollPoints } from "./points.ts";

type ReadCalls = Pick<VectorStore, "retrieve" | "scroll" | "count" | "query">;

export function readCalls(context: StoreContext): ReadCalls {
  const { database, catalogue, indexes } = context;
  return {
    retrieve: (collection, ids, call) =>
      inLimits(call, async () => {
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
      inLimits(call, async () => {
        checkLimit(limit);
        if (filter !== undefined) checkFilter(filter);
        if (offset !== undefined) checkIds([offset]);
        const row = await catalogue.get(collection);
        return scrollPoints(database, row.id, { filter, limit, offset, withVector: with_vector });
      }),

    count: (collection, filter, call) =>
      inLimits(call, async () => {
        if (filter !== undefined) checkFilter(filter);
        const row = await catalogue.get(collection);
        if (filter === undefined) return countPoints(database, row.id);
        const request = { collectionId: row.id, filter };
        return withIndex(context, row, () => indexes.client.request("count", request));
      }),

    query: (collection, request, call) => inLimits(call, () => query(context, collection, request)),
  };
}

async function query(
  context: StoreContext,
  collection: string,
  { vector, filter, limit, ...options }: VectorQuery,
): Promise<ScoredPoint[]> {
  checkLimit(limit);
  if (filter !== undefined) checkFilter(filter);
  const row = await context.catalogue.get(collection);
  checkLength(vector, row.dimension);
  const request = {
    collectionId: row.id,
    query: {
      vector: normalised(vector),
      filter,
      limit,
      threshold: options.score_threshold ?? Number.NEGATIVE_INFINITY,
      withPayload: options.with_payload ?? false,
      withVector: options.with_vector ?? false,
    },
  };
  const { client } = context.indexes;
  const hits = await withIndex(context, row, () => client.request("query", request));
  return hits.map(({ payload, ...hit }) =>
    payload === undefined ? hit : { ...hit, payload: JSON.parse(payload) as Payload },
  );
}

/** Repeats `work` once if the thread of the index died meanwhile. */
async function withIndex<T>(
  { indexes }: StoreContext,
  row: CollectionRow,
  work: () => Promise<T>,
): Promise<T> {
  const follower = await indexes.loaded(row);
  try {
    return await work();
  } catch (error) {
    if (indexes.peek(row.id) === follower) throw error;
    await indexes.loaded(row);
    return work();
  }
}

/** Collections and aliases of the store. */
import type { VectorStore } from "../../../core/ports/vector-store.ts";
import { inLimits, type StoreContext } from "./calls.ts";
import { invalid } from "./checks.ts";
import { countPoints } from "./points.ts";

type CollectionCalls = Pick<
  VectorStore,
  "createCollection" | "deleteCollection" | "collection" | "switchAliases" | "aliases"
>;

const maxDimension = 4_096;

export function collectionCalls({ database, catalogue, indexes }: StoreContext): CollectionCalls {
  return {
    createCollection: (name, { dimension, payloadIndexes = {} }, call) =>
      inLimits(call, async () => {
        if (!Number.isInteger(dimension) || dimension < 1 || dimension > maxDimension) {
          throw invalid(`a collection has 1 to ${maxDimension} dimensions`);
        }
        await catalogue.create(name, dimension, payloadIndexes);
      }),

    deleteCollection: (name, call) =>
      inLimits(call, async () => {
        const row = await catalogue.find(name);
        if (row?.name !== name) return;
        await catalogue.drop(name);
        await indexes.forget(row);
      }),

    collection: (name, call) =>
      inLimits(call, async () => {
        const row = await catalogue.find(name);
        if (row === undefined) return undefined;
        const points = await countPoints(database, row.id);
        const state = indexes.peek(row.id)?.stats.state ?? "ready";
        return { name, dimension: row.dimension, points, state };
      }),

    switchAliases: (aliases, call) =>
      inLimits(call, async () => {
        if (Object.keys(aliases).length > 0) await catalogue.switchAliases(aliases);
      }),

    aliases: (call) => inLimits(call, () => catalogue.aliases()),
  };
}

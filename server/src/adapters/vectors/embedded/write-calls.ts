/** Changes of points: written to PostgreSQL, then visible to the next query of this process. */
import type { VectorStore } from "../../../core/ports/vector-store.ts";
import { pointsChannel } from "../feed.ts";
import { inLimits, type StoreContext } from "./calls.ts";
import { checkIds, toJson, toWritable } from "./checks.ts";
import { checkFilter } from "./index/filter.ts";
import { deleteMatching, deletePoints, setPayload, writePoints } from "./points.ts";

type WriteCalls = Pick<VectorStore, "upsert" | "setPayload" | "delete">;

export function writeCalls(context: StoreContext): WriteCalls {
  const { database, catalogue } = context;
  return {
    upsert: (collection, points, call) =>
      inLimits(call, async () => {
        const row = await catalogue.get(collection);
        const writable = points.map((point) => toWritable(point, row.dimension));
        if (writable.length === 0) return;
        await change(context, row.id, () => writePoints(database, row.id, writable));
      }),

    setPayload: (collection, { ids, payload }, call) =>
      inLimits(call, async () => {
        checkIds(ids);
        const row = await catalogue.get(collection);
        const json = toJson(payload);
        await change(context, row.id, () => setPayload(database, row.id, { ids, json }));
      }),

    delete: (collection, which, call) =>
      inLimits(call, async () => {
        if ("ids" in which) checkIds(which.ids);
        else checkFilter(which.filter);
        const row = await catalogue.get(collection);
        await change(context, row.id, () =>
          "ids" in which
            ? deletePoints(database, row.id, which.ids)
            : deleteMatching(database, row.id, which.filter),
        );
      }),
  };
}

/** Commits, then waits until queries of this process see the change, and notifies the other processes. */
async function change(
  { database, indexes }: StoreContext,
  collectionId: number,
  work: () => Promise<unknown>,
): Promise<void> {
  await work();
  await Promise.all([
    // a lost notification does no harm: readers poll as well
    database.query({ text: `notify ${pointsChannel}` }).catch(() => {}),
    // the change is committed; an index that fails is rebuilt by the next query
    indexes
      .peek(collectionId)
      ?.catchUp()
      .catch(() => {}),
  ]);
}

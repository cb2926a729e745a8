/** Fills the collections of models, at half speed: the stream and senders share the database. */
import type { ModelCollections, Purpose } from "../../core/ports/collections.ts";
import type { Database } from "../../core/ports/database.ts";
import { leaveHalf } from "../../timing/leave-half.ts";
import { lockCollections } from "./collections.ts";
import type { ModelsLease } from "./lease.ts";
import type { PointSource } from "./ports.ts";

export interface FillOptions {
  readonly source: PointSource;
  readonly lease: ModelsLease;
  readonly signal: AbortSignal;
}

/** @throws Error when another process has taken over the lease. */
export async function fillCollections(
  model: ModelCollections,
  purposes: readonly Purpose[],
  { source, lease, signal }: FillOptions,
): Promise<void> {
  for (const purpose of purposes) {
    let began = performance.now();
    for await (const _page of source.fill(purpose, model, signal)) {
      await lease.renew();
      await leaveHalf(began, signal);
      began = performance.now();
    }
  }
}

/**
 * When a page last left the model out before its collections are filled (see `markReady`); null when none has.
 * Whatever a page changed without the model before is committed by now, so the filling finds it.
 */
export async function beginFilling(database: Database, modelId: string): Promise<string | null> {
  return database.transaction(async (connection) => {
    await lockCollections(connection, "exclusive");
    const [row] = await connection.query<{ left_out: string | null }>({
      text: "select set_aside_at::text as left_out from vectors.models where id = $1",
      values: [modelId],
    });
    return row?.left_out ?? null;
  });
}

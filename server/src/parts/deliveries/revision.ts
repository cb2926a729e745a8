import type { Queryable } from "../../core/ports/database.ts";

/** Changes the subscriptions: what was read of them is outdated. Changes run one at a time, until their commit. */
export async function bumpRevision(connection: Queryable): Promise<void> {
  await connection.query({ text: "update deliveries.state set revision = revision + 1" });
}

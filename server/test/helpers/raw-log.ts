/** For tests of what reads the raw log: events written straight into it. */
import { randomUUID } from "node:crypto";
import type { TestDatabase } from "../../../testing/database.ts";
import type { Queryable } from "../../src/core/ports/database.ts";

/** Today's partition and tomorrow's. */
export async function prepareDays({ owner }: TestDatabase): Promise<void> {
  await owner.query({ text: "select raw.prepare_days(1)" });
}

/** Writes events and returns their ids; `receivedAt` as PostgreSQL's clock would have said. */
export async function writeEvents(
  connection: Queryable,
  count: number,
  receivedAt?: Date,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await connection.query({
    text: `insert into raw.events (service_id, format, event_id, received_at, occurred_at, event_type, product_key, payload)
           select 1, 0, id, coalesce($2, now()), now(), 'product.view', 'p1', '{}' from unnest($1::uuid[]) id`,
    values: [ids, receivedAt ?? null],
  });
  return ids;
}

export interface OpenTransaction {
  readonly ids: readonly string[];
  /** Ends it; resolves when it has ended. */
  end(how: "commit" | "roll back"): Promise<void>;
}

/** A transaction that has written events and not committed. */
export async function openTransaction(
  database: TestDatabase,
  count: number,
): Promise<OpenTransaction> {
  const written = Promise.withResolvers<string[]>();
  const ended = Promise.withResolvers<void>();
  const rollBack = new Error("rolled back");
  const done = database.owner
    .transaction(async (connection) => {
      written.resolve(await writeEvents(connection, count));
      await ended.promise;
    })
    .catch((error: unknown) => {
      written.reject(error);
      if (error !== rollBack) throw error;
    });
  return {
    ids: await written.promise,
    end(how) {
      if (how === "commit") ended.resolve();
      else ended.reject(rollBack);
      return done;
    },
  };
}

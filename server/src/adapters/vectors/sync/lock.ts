/** What one worker at a time may do to a collection, or to the aliases, of a store. */
import type { Queryable } from "../../../core/ports/database.ts";

/** Ids of collections begin at 1. */
const aliasesLock = 0;

/**
 * Takes the lock until the end of the connection's transaction; false if another worker has it. An advisory
 * lock, because it takes no transaction id, which would stay in every reader's snapshot until the store answers.
 *
 * The key is that of the previous version, whose workers may still be running.
 */
async function tryLock(connection: Queryable, storeName: string, id: number): Promise<boolean> {
  const [row] = await connection.query<{ locked: boolean }>({
    text: "select pg_try_advisory_xact_lock(hashtext('vectors.delivery:' || $1), $2) as locked",
    values: [storeName, id],
  });
  return row?.locked === true;
}

export function tryLockCollection(
  connection: Queryable,
  storeName: string,
  collectionId: number,
): Promise<boolean> {
  return tryLock(connection, storeName, collectionId);
}

export function tryLockAliases(connection: Queryable, storeName: string): Promise<boolean> {
  return tryLock(connection, storeName, aliasesLock);
}

/** Writes a user again from events that were processed already, after an erasure took the user's earlier history. */
import type { Queryable } from "../../../core/ports/database.ts";
import type { StoredEvent } from "../../../core/ports/log.ts";
import type { InterestSettings } from "../points/interest.ts";
import { markStale } from "../points/stale-points.ts";
import { takeSteps } from "../steps/steps.ts";
import { collect, type UserChange } from "./collect.ts";
import { writeUsers } from "./write-users.ts";

/** Part of a transaction that has deleted the user and in which no page can be written. */
export async function restoreUser(
  connection: Queryable,
  events: readonly StoredEvent[],
  interest: InterestSettings,
): Promise<void> {
  const processed = events.flatMap((event) => {
    const outcome = takeSteps(event);
    return outcome.kind === "ok" ? [outcome.value] : [];
  });
  const { users } = collect(processed, interest);
  const numbers = await readNumbers(connection, users);
  for (const { interest: products, bought } of users.values()) {
    for (const id of products.keys()) if (!numbers.has(id)) products.delete(id);
    for (const id of bought) if (!numbers.has(id)) bought.delete(id);
  }
  await markStale(connection, "users", await writeUsers(connection, users, numbers));
}

async function readNumbers(
  connection: Queryable,
  users: ReadonlyMap<string, UserChange>,
): Promise<ReadonlyMap<string, number>> {
  const ids = new Set<string>();
  for (const { interest, bought } of users.values()) {
    for (const id of interest.keys()) ids.add(id);
    for (const id of bought) ids.add(id);
  }
  const rows = await connection.query<{ point_id: string; number: number }>({
    text: "select point_id, number from stream.products where point_id = any ($1::uuid[])",
    values: [[...ids]],
  });
  return new Map(rows.map(({ point_id: id, number }) => [id, number]));
}

import { ArrayColumn, typeIds } from "../../../core/array-column.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import {
  compactBought,
  compactInterest,
  encodeInterest,
  encodeNumbers,
  mostBoughtBytes,
  mostItemBytes,
} from "../points/interest.ts";
import type { UserChange } from "./collect.ts";

interface GrownUser {
  readonly point_id: string;
  readonly items: Buffer;
  readonly bought: Buffer;
}

/**
 * Adds the changes to the users and returns their point ids. Not idempotent: call it once per page.
 * @param numbers of all products in the changes, by point id.
 */
export async function writeUsers(
  connection: Queryable,
  changes: ReadonlyMap<string, UserChange>,
  numbers: ReadonlyMap<string, number>,
): Promise<string[]> {
  if (changes.size === 0) return [];
  // always in the same order, so that workers wait for each other instead of deadlocking
  const ids = [...changes.keys()].sort();
  const grown = await connection.query<GrownUser>({
    name: "stream_add_users",
    text: "select point_id, items, bought from stream.add_to_users($1, $2, $3, $4, $5, $6, $7, $8)",
    values: [
      ...columnsOf(
        ids.map((id) => changes.get(id) as UserChange),
        numbers,
      ),
      mostItemBytes,
      mostBoughtBytes,
    ],
  });
  if (grown.length > 0) await shorten(connection, grown);
  return ids;
}

function columnsOf(changes: readonly UserChange[], numbers: ReadonlyMap<string, number>): Buffer[] {
  const id = new ArrayColumn(typeIds.uuid);
  const key = new ArrayColumn(typeIds.text);
  const items = new ArrayColumn(typeIds.bytea);
  const bought = new ArrayColumn(typeIds.bytea);
  const events = new ArrayColumn(typeIds.int4);
  const lastSeen = new ArrayColumn(typeIds.timestamptz);
  const columns = [id, key, items, bought, events, lastSeen];
  for (const column of columns) column.begin(changes.length);
  for (const change of changes) {
    id.uuid(change.pointId);
    key.text(change.key);
    items.buffer(encodeInterest(change.interest, numberOf));
    bought.buffer(encodeNumbers([...change.bought].map(numberOf)));
    events.int4(change.events);
    lastSeen.timestamp(change.lastSeen * 1000);
  }
  return columns.map((column) => column.end());

  function numberOf(product: string): number {
    const number = numbers.get(product);
    if (number === undefined) throw new Error(`product ${product} was not written with its page`);
    return number;
  }
}

/** The rows are locked already: their order does not matter. */
async function shorten(connection: Queryable, grown: readonly GrownUser[]): Promise<void> {
  const id = new ArrayColumn(typeIds.uuid);
  const items = new ArrayColumn(typeIds.bytea);
  const bought = new ArrayColumn(typeIds.bytea);
  const columns = [id, items, bought];
  for (const column of columns) column.begin(grown.length);
  for (const user of grown) {
    id.uuid(user.point_id);
    items.buffer(compactInterest(user.items));
    bought.buffer(compactBought(user.bought));
  }
  await connection.query({
    name: "stream_shorten_users",
    text: `update stream.users s set items = u.items, bought = u.bought
           from unnest($1::uuid[], $2::bytea[], $3::bytea[]) u (id, items, bought) where s.point_id = u.id`,
    values: columns.map((column) => column.end()),
  });
}

import type { Queryable } from "../core/database.ts";
import type { UserChange } from "./collect.ts";
import {
  countProducts,
  decodeIds,
  decodeInterest,
  encodeIds,
  encodeInterest,
  mergeBought,
  mergeInterest,
} from "./interest.ts";

export interface UserState {
  readonly pointId: string;
  readonly key: string;
  /** Encoded: see interest.ts. */
  readonly items: Buffer;
  readonly events: number;
  readonly lastSeen: number;
}

interface UserRow {
  readonly point_id: string;
  readonly items: Buffer;
  readonly bought: Buffer;
  readonly events: string;
  readonly last_seen: number | null;
}

/** Adds the changes to the users; answers their point ids. Once per page: it adds. */
export async function writeUsers(
  connection: Queryable,
  changes: ReadonlyMap<string, UserChange>,
): Promise<string[]> {
  if (changes.size === 0) return [];
  // in one order everywhere, so that workers wait for each other instead of deadlocking
  const ids = [...changes.keys()].sort();
  let rows = await lockUsers(connection, ids);
  if (rows.length < ids.length) {
    const known = new Set(rows.map((row) => row.point_id));
    const missing = ids.filter((id) => !known.has(id));
    await connection.query({
      name: "stream_add_users",
      text: `insert into stream.users (point_id, key)
             select id, key from unnest($1::uuid[], $2::text[]) u (id, key) order by id on conflict do nothing`,
      values: [missing, missing.map((id) => changes.get(id)?.key)],
    });
    rows = await lockUsers(connection, ids);
  }
  const merged = rows.map((row) => {
    const change = changes.get(row.point_id) as UserChange;
    const kept = decodeInterest(row.items);
    return {
      pointId: row.point_id,
      interest: mergeInterest(kept, change.interest),
      bought:
        change.bought.size === 0
          ? row.bought
          : encodeIds(mergeBought(decodeIds(row.bought), [...change.bought])),
      events: Number(row.events) + change.events,
      lastSeen: Math.max(row.last_seen ?? Number.NEGATIVE_INFINITY, change.lastSeen),
    };
  });
  await connection.query({
    name: "stream_write_users",
    text: `update stream.users s
           set items = u.items, bought = u.bought, events = u.events, last_seen = to_timestamp(u.last_seen / 1000)
           from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[], $5::float8[])
             as u (id, items, bought, events, last_seen)
           where s.point_id = u.id`,
    values: [
      merged.map(({ pointId }) => pointId),
      merged.map(({ interest }) => encodeInterest(interest)),
      merged.map(({ bought }) => bought),
      merged.map(({ events }) => events),
      merged.map(({ lastSeen }) => lastSeen),
    ],
  });
  return ids;
}

function lockUsers(connection: Queryable, ids: readonly string[]): Promise<UserRow[]> {
  return connection.query<UserRow>({
    name: "stream_lock_users",
    text: `select point_id, items, bought, events, extract(epoch from nullif(last_seen, '-infinity'))::float8 * 1000 as last_seen
           from stream.users where point_id = any($1::uuid[]) order by point_id for no key update`,
    values: [ids],
  });
}

export function userPayload(user: UserState): Record<string, unknown> {
  return {
    user_id: user.key,
    events: user.events,
    products: countProducts(user.items),
    last_seen: new Date(user.lastSeen).toISOString(),
  };
}

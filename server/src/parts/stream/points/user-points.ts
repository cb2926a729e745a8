/** Users as the table has them, and their points: interests in the space of one model. */
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import { addProducts, countProducts, interestVector } from "./interest.ts";
import type { ProductVectors } from "./product-vectors.ts";
import type { NewPoint } from "./put-points.ts";

export interface UserState {
  readonly pointId: string;
  readonly key: string;
  /** Encoded: see interest.ts. */
  readonly items: Buffer;
  readonly events: number;
  /** Milliseconds since 1970. */
  readonly lastSeen: number;
}

interface UserRow {
  readonly point_id: string;
  readonly key: string;
  readonly items: Buffer;
  readonly events: string;
  readonly last_seen: number;
}

const userColumns = `point_id, key, items, events, extract(epoch from last_seen)::float8 * 1000 as last_seen`;

export async function readUsers(
  connection: Queryable,
  ids: readonly string[],
): Promise<UserState[]> {
  if (ids.length === 0) return [];
  const rows = await connection.query<UserRow>({
    name: "stream_read_users",
    text: `select ${userColumns} from stream.users
           where point_id = any($1::uuid[]) and last_seen > '-infinity'`,
    values: [ids],
  });
  return rows.map(toUserState);
}

/** The users after `after` in the order of their ids, locked against changes until the transaction ends. */
export async function pageOfUsers(
  connection: Queryable,
  after: string,
  limit: number,
): Promise<UserState[]> {
  const rows = await connection.query<UserRow>({
    text: `select ${userColumns} from stream.users
           where point_id > $1 and last_seen > '-infinity' order by point_id limit $2 for share`,
    values: [after, limit],
  });
  return rows.map(toUserState);
}

function toUserState(row: UserRow): UserState {
  return {
    pointId: row.point_id,
    key: row.key,
    items: row.items,
    events: Number(row.events),
    lastSeen: row.last_seen,
  };
}

/** The users' interests in one model's space; a user is left out while none of the products has a vector. */
export async function userPoints(
  connection: Queryable,
  users: readonly UserState[],
  { model, productVectors }: { model: ModelCollections; productVectors: ProductVectors },
): Promise<NewPoint[]> {
  const collection = model.collections.products;
  if (collection === undefined || users.length === 0) return [];
  const products = new Set<number>();
  for (const { items } of users) addProducts(items, products);
  const vectors = await productVectors.load(connection, collection, products);
  return users.flatMap((user) => {
    const vector = interestVector(user.items, (product) => vectors.get(product));
    return vector === undefined ? [] : [{ id: user.pointId, vector, payload: userPayload(user) }];
  });
}

function userPayload(user: UserState): Record<string, unknown> {
  return {
    user_id: user.key,
    events: user.events,
    products: countProducts(user.items),
    last_seen: new Date(user.lastSeen).toISOString(),
  };
}

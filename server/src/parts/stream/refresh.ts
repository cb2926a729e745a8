/**
 * The part `points`: writes the points of products and users that have changed since, many changes at
 * once. Texts and vectors of products are not its business, they are written with their page; what is
 * late here is a count in a payload, or a taste in the collection `users`.
 */
import type { Database, Notifications, Queryable } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { lockCollections, type ModelCollections, readCollections } from "../models/collections.ts";
import { addProducts, interestVector } from "./interest.ts";
import { createProductVectors, type ProductVectors } from "./product-vectors.ts";
import { type NewPoint, putPoints } from "./put-points.ts";
import { type StaleKind, takeStale } from "./stale-points.ts";
import { type ProductRow, productColumns, productPayload } from "./write-products.ts";
import { type UserState, userPayload } from "./write-users.ts";

export interface RefreshOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** From one round to the next: what changes meanwhile is written once. */
  readonly intervalMs: number;
  readonly onRound?: (round: RefreshRound) => void;
  readonly onError?: (error: unknown) => void;
}

export interface RefreshRound {
  readonly points: number;
  readonly milliseconds: number;
  /** The longest that a change has waited for its point. */
  readonly waitedMs: number;
}

/**
 * Points of one transaction. Many users, whose points nobody else writes: the more at once, the fewer are
 * written twice. Few products, whose new texts wait for it.
 */
const atOnce = { products: 2_000, users: 5_000 } as const;
/** In memory: a taste is half a kilobyte, and its vector a whole one. */
const usersAtOnce = 1_000;
/** So much longer than it works it rests: what changes often is written seldom, and others have the processor. */
const restShare = 4;
const longestRestMs = 30_000;

export function createRefresh(options: RefreshOptions): Part {
  const { database } = options;
  const productVectors = createProductVectors();
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = performance.now();
      try {
        const { points, waitedMs } = await round(signal);
        if (points > 0) {
          options.onRound?.({ points, milliseconds: performance.now() - started, waitedMs });
        }
        problem = undefined;
      } catch (error) {
        if (signal.aborted) return;
        productVectors.clear();
        problem = error instanceof Error ? error.message : String(error);
        options.onError?.(error);
      }
      const fair = Math.min(restShare * (performance.now() - started), longestRestMs);
      const rest = Math.max(options.intervalMs, fair);
      await createWake().wait(rest, signal);
    }
  }

  async function round(signal: AbortSignal): Promise<{ points: number; waitedMs: number }> {
    let points = 0;
    let waitedMs = 0;
    for (const kind of ["products", "users"] as const) {
      for (;;) {
        signal.throwIfAborted();
        const started = performance.now();
        const { written, left, ...batch } = await refreshBatch(database, { kind, productVectors });
        points += written;
        waitedMs = Math.max(waitedMs, batch.waitedMs + performance.now() - started);
        if (written > 0) await database.query({ text: "select pg_notify('weir_points', '')" });
        // while the log waits to be read, reading it comes first
        if (!left || (await isBehind(database))) break;
      }
    }
    return { points, waitedMs };
  }

  return { name: "points", run, problem: () => problem };
}

async function isBehind(database: Database): Promise<boolean> {
  const [row] = await database.query<{ behind: boolean }>({
    name: "stream_is_behind",
    text: "select exists (select from stream.pages) as behind",
  });
  return row?.behind === true;
}

/** One transaction; answers how many points it wrote, how long they waited, and whether there are more. */
async function refreshBatch(
  database: Database,
  { kind, productVectors }: { kind: StaleKind; productVectors: ProductVectors },
): Promise<{ written: number; waitedMs: number; left: boolean }> {
  return database.transaction(async (connection) => {
    await lockCollections(connection);
    const { ids, ...taken } = await takeStale(connection, kind, atOnce[kind]);
    if (ids.length === 0) return { written: 0, ...taken };
    const models = await readCollections(connection);
    const found = { models, productVectors };
    if (kind === "users") await refreshUsers(connection, ids, found);
    else await refreshProducts(connection, ids, found);
    return { written: ids.length, ...taken };
  });
}

interface Refreshing {
  readonly models: readonly ModelCollections[];
  readonly productVectors: ProductVectors;
}

async function refreshUsers(
  connection: Queryable,
  ids: readonly string[],
  { models, productVectors }: Refreshing,
): Promise<void> {
  for (let at = 0; at < ids.length; at += usersAtOnce) {
    const users = await readUsers(connection, ids.slice(at, at + usersAtOnce));
    for (const model of models) {
      if (model.collections.users === undefined) continue;
      const points = await userPoints(connection, users, { model, productVectors });
      await putPoints(connection, model.collections.users, points);
    }
  }
}

async function refreshProducts(
  connection: Queryable,
  ids: readonly string[],
  { models, productVectors }: Refreshing,
): Promise<void> {
  const rows = await connection.query<ProductRow>({
    name: "stream_read_products",
    // held by nobody: whoever changes a product meanwhile marks it again
    text: `select ${productColumns} from stream.products p
           where p.point_id = any($1::uuid[]) and p.content_rank > 0`,
    values: [ids],
  });
  // their texts may be others than before
  productVectors.forget(rows.map(({ number }) => number));
  const points = rows.map((row) => ({
    id: row.point_id,
    vector: undefined,
    payload: productPayload(row),
  }));
  for (const { collections } of models) {
    if (collections.products !== undefined)
      await putPoints(connection, collections.products, points);
  }
}

const userColumns = `point_id, key, items, events, extract(epoch from last_seen)::float8 * 1000 as last_seen`;

interface UserRow {
  readonly point_id: string;
  readonly key: string;
  readonly items: Buffer;
  readonly events: string;
  readonly last_seen: number;
}

async function readUsers(connection: Queryable, ids: readonly string[]): Promise<UserState[]> {
  if (ids.length === 0) return [];
  const rows = await connection.query<UserRow>({
    name: "stream_read_users",
    text: `select ${userColumns} from stream.users
           where point_id = any($1::uuid[]) and last_seen > '-infinity'`,
    values: [ids],
  });
  return rows.map(toUserState);
}

/** The users after `after` in the order of their ids, held against changes. */
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

/** The users' interests in one model's space; users of whose products none has a vector are left out. */
export async function userPoints(
  connection: Queryable,
  users: readonly UserState[],
  { model, productVectors }: { model: ModelCollections; productVectors: ProductVectors },
): Promise<NewPoint[]> {
  const collection = model.collections.products;
  if (collection === undefined || users.length === 0) return [];
  const wanted = new Set<number>();
  for (const { items } of users) addProducts(items, wanted);
  const vectors = await productVectors.load(connection, collection, wanted);
  return users.flatMap((user) => {
    const vector = interestVector(user.items, (product) => vectors.get(product));
    return vector === undefined ? [] : [{ id: user.pointId, vector, payload: userPayload(user) }];
  });
}

/**
 * The part `points`: brings the points of changed products and users up to date, many changes at once.
 * New texts of products are written with their page and do not wait for it; what is late here is a
 * count in a payload, or a user's interest in the collection `users`.
 */

import { messageOf } from "../../../core/errors.ts";
import type { Collections, ModelCollections } from "../../../core/ports/collections.ts";
import type { Database, Queryable } from "../../../core/ports/database.ts";
import type { Part } from "../../../core/ports/part.ts";
import { pause } from "../../../timing/pause.ts";
import { type ProductRow, productColumns, productPayload } from "./product-points.ts";
import { createProductVectors, type ProductVectors } from "./product-vectors.ts";
import { putPoints } from "./put-points.ts";
import { type StaleKind, takeStale } from "./stale-points.ts";
import { readUsers, userPoints } from "./user-points.ts";

export interface RefreshOptions {
  readonly database: Database;
  readonly collections: Collections;
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
 * Points of one transaction. Many users, whose points only this part writes: the more at once, the fewer are
 * written twice. Few products, because pages with new texts wait for their locks.
 */
const batchPoints = { products: 2_000, users: 5_000 } as const;
/** In memory: an encoded interest is half a kilobyte, and its vector a whole one. */
const usersAtOnce = 1_000;
/** The part rests this many times as long as it works: frequent changes are combined, and the processor is free. */
const restShare = 4;
const longestRestMs = 30_000;

export function createRefresh(options: RefreshOptions): Part {
  const productVectors = createProductVectors();
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = performance.now();
      try {
        const { points, waitedMs } = await refreshAll({ ...options, productVectors }, signal);
        if (points > 0) {
          options.onRound?.({ points, milliseconds: performance.now() - started, waitedMs });
        }
        problem = undefined;
      } catch (error) {
        if (signal.aborted) return;
        productVectors.clear();
        problem = messageOf(error);
        options.onError?.(error);
      }
      const fair = Math.min(restShare * (performance.now() - started), longestRestMs);
      await pause(Math.max(options.intervalMs, fair), signal);
    }
  }

  return { name: "points", run, problem: () => problem };
}

interface RefreshContext {
  readonly database: Database;
  readonly collections: Collections;
  readonly productVectors: ProductVectors;
}

/** Batches until nothing is stale, or until pages wait. */
async function refreshAll(
  context: RefreshContext,
  signal: AbortSignal,
): Promise<{ points: number; waitedMs: number }> {
  const { database } = context;
  let points = 0;
  let waitedMs = 0;
  for (const kind of ["products", "users"] as const) {
    for (;;) {
      signal.throwIfAborted();
      const started = performance.now();
      const { written, left, ...batch } = await refreshBatch(context, kind);
      points += written;
      waitedMs = Math.max(waitedMs, batch.waitedMs + performance.now() - started);
      if (written > 0) await database.query({ text: "select pg_notify('weir_points', '')" });
      // reading the log comes first
      if (!left || (await isBehind(database))) break;
    }
  }
  return { points, waitedMs };
}

async function isBehind(database: Database): Promise<boolean> {
  const [row] = await database.query<{ behind: boolean }>({
    name: "stream_is_behind",
    text: "select exists (select from log.pages where reader = 'stream') as behind",
  });
  return row?.behind === true;
}

/** One transaction; returns how many points it wrote, how long they waited, and whether more are stale. */
async function refreshBatch(
  { database, collections, productVectors }: RefreshContext,
  kind: StaleKind,
): Promise<{ written: number; waitedMs: number; left: boolean }> {
  return database.transaction(async (connection) => {
    await collections.lock(connection);
    const { ids, ...taken } = await takeStale(connection, kind, batchPoints[kind]);
    if (ids.length === 0) return { written: 0, ...taken };
    const models = await collections.read(connection);
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
    // without row locks: a page that changes a product meanwhile marks it again
    text: `select ${productColumns} from stream.products p
           where p.point_id = any($1::uuid[]) and p.content_rank > 0`,
    values: [ids],
  });
  // their texts may have changed
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

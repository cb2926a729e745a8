/** Points in PostgreSQL, without the index. */
import type { Database } from "../../../core/ports/database.ts";
import type { Filter, Payload, StoredPoint } from "../../../core/ports/vector-store.ts";
import { floatsOf } from "../feed.ts";
import { matchesFilter } from "./index/filter.ts";

interface Row {
  readonly id: string;
  readonly payload?: Payload;
  readonly vector?: Buffer;
}

export interface WritablePoint {
  readonly id: string;
  readonly vector: Buffer;
  /** JSON text. */
  readonly payload: string;
}

/** Points of one statement, so that a statement is some megabytes at most. */
const writeAtOnce = 500;
const readAtOnce = 1_000;

/** All or none; of an id given twice the last point is kept. */
export async function writePoints(
  database: Database,
  collectionId: number,
  given: readonly WritablePoint[],
): Promise<void> {
  // in order of id, so that concurrent writers wait for each other and do not deadlock
  const points = [...new Map(given.map((point) => [point.id, point])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  const statement = (batch: readonly WritablePoint[]) => ({
    name: "vectors_put_points",
    text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])",
    values: [
      collectionId,
      batch.map(({ id }) => id),
      batch.map(({ vector }) => vector),
      batch.map(({ payload }) => payload),
    ],
  });
  if (points.length <= writeAtOnce) {
    await database.query(statement(points));
    return;
  }
  await database.transaction(async (connection) => {
    for (let at = 0; at < points.length; at += writeAtOnce) {
      await connection.query(statement(points.slice(at, at + writeAtOnce)));
    }
  });
}

export interface PointMembers {
  readonly withPayload: boolean;
  readonly withVector: boolean;
}

const columnsOf = ({ withPayload, withVector }: PointMembers): string =>
  ["id::text", ...(withPayload ? ["payload"] : []), ...(withVector ? ["vector"] : [])].join(", ");

/** In any order. */
export async function readPoints(
  database: Database,
  collectionId: number,
  request: PointMembers & { readonly ids: readonly string[] },
): Promise<StoredPoint[]> {
  const rows = await database.query<Row>({
    text: `select ${columnsOf(request)} from vectors.points
           where collection_id = $1 and id = any ($2::uuid[]) and deleted_at is null`,
    values: [collectionId, request.ids],
  });
  return rows.map(toPoint);
}

interface ScrollPage {
  readonly filter: Filter | undefined;
  readonly limit: number;
  readonly offset: string | undefined;
  readonly withVector: boolean;
}

/** In order of id, from `offset` on. With a filter it continues reading until the page is full. */
export async function scrollPoints(
  database: Database,
  collectionId: number,
  { filter, limit, offset, withVector }: ScrollPage,
): Promise<{ points: StoredPoint[]; next: string | undefined }> {
  const found: StoredPoint[] = [];
  const size = filter === undefined ? limit + 1 : Math.max(readAtOnce, limit + 1);
  for (let from = offset ?? "00000000-0000-0000-0000-000000000000"; ; ) {
    const rows = await database.query<Row>({
      text: `select ${columnsOf({ withPayload: true, withVector })} from vectors.points
             where collection_id = $1 and id >= $2::uuid and deleted_at is null
             order by id limit $3`,
      values: [collectionId, from, size],
    });
    // the last row of a full page begins the next one
    const last = rows.length === size ? rows.at(-1) : undefined;
    for (const row of last === undefined ? rows : rows.slice(0, -1)) {
      if (filter !== undefined && !matchesFilter(filter, toPoint(row) as Matchable)) continue;
      if (found.length === limit) return { points: found, next: row.id };
      found.push(toPoint(row));
    }
    if (last === undefined) return { points: found, next: undefined };
    if (filter === undefined) return { points: found, next: last.id };
    from = last.id;
  }
}

type Matchable = Parameters<typeof matchesFilter>[1];

/** Reads the points themselves, because the index may be slightly behind. */
export async function deleteMatching(
  database: Database,
  collectionId: number,
  filter: Filter,
): Promise<void> {
  const all = {
    text: `select id::text, payload from vectors.points
           where collection_id = $1 and deleted_at is null`,
    values: [collectionId],
  };
  const ids: string[] = [];
  for await (const rows of database.stream<Required<Pick<Row, "id" | "payload">>>(all)) {
    for (const row of rows) if (matchesFilter(filter, row)) ids.push(row.id);
  }
  await deletePoints(database, collectionId, ids);
}

export async function deletePoints(
  database: Database,
  collectionId: number,
  ids: readonly string[],
): Promise<void> {
  await database.query({
    text: "select vectors.delete_points($1, $2::uuid[])",
    values: [collectionId, ids],
  });
}

export async function setPayload(
  database: Database,
  collectionId: number,
  { ids, json }: { readonly ids: readonly string[]; readonly json: string },
): Promise<void> {
  await database.query({
    text: "select vectors.set_payload($1, $2::uuid[], $3::jsonb)",
    values: [collectionId, ids, json],
  });
}

export async function countPoints(database: Database, collectionId: number): Promise<number> {
  const [row] = await database.query<{ points: number }>({
    name: "vectors_count",
    text: `select count(*)::int as points from vectors.points
         where collection_id = $1 and deleted_at is null`,
    values: [collectionId],
  });
  return row?.points ?? 0;
}

function toPoint({ id, payload, vector }: Row): StoredPoint {
  return {
    id,
    ...(payload === undefined ? {} : { payload }),
    ...(vector === undefined ? {} : { vector: floatsOf(vector) }),
  };
}

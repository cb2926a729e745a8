/**
 * The change feed of a collection, for every copy of its points (the embedded index, the sync to Qdrant). It
 * returns what became visible since a position: a transaction that commits late is neither lost
 * nor waited for, as in the readers of the raw log.
 */
import type { Queryable, QueryOptions } from "../../core/ports/database.ts";
import type { Payload } from "../../core/ports/vector-store.ts";

/** Before every point: a reader that starts here gets all points, tombstones included. */
export const firstPosition = "1:1:";

/** Wakes readers; send it after the commit, outside of the transaction. */
export const pointsChannel = "weir_points";

export interface PointChange {
  /** Canonical UUID. */
  readonly id: string;
  /** Normalised. Absent when the reader has it already, or the point is deleted. */
  readonly vector?: Float32Array;
  readonly payload: Payload;
  readonly deleted: boolean;
}

export interface ChangePage {
  /** In the order of their transaction ids. Each has the current state of its point, so the last one counts. */
  readonly changes: readonly PointChange[];
  /** Text to be kept and handed in again, with `incarnation`; see `parsePosition`. */
  readonly position: string;
  /** The server's incarnation, in which the position is valid; see log.incarnation. */
  readonly incarnation: string;
  /** There may be more already. */
  readonly more: boolean;
  /** The collection was deleted, or never was. */
  readonly gone: boolean;
}

/** The same with what was read left as it came: the payload's JSON text, the vector's bytes. */
export interface RawChangePage extends Omit<ChangePage, "changes"> {
  readonly changes: readonly RawChange[];
}

export interface RawChange {
  readonly id: string;
  readonly vector: Buffer | null;
  readonly payload: string;
  readonly deleted: boolean;
}

/**
 * Deletions behind the position are no longer known (their tombstones were cleaned up), or the position is of
 * another incarnation of the server, or of another database: read the whole collection and compare. After a crash
 * the copy may hold points that PostgreSQL has lost, and the position may show transactions as ended whose ids
 * were given to others since.
 */
export class FeedGapError extends Error {
  override readonly name = "FeedGapError";
}

interface Row {
  readonly snapshot: string;
  readonly incarnation: string;
  readonly known: boolean;
  readonly gone: boolean;
  readonly id: string | null;
  readonly changed: string;
  readonly vector: Buffer | null;
  readonly payload: string;
  readonly deleted: boolean;
}

const statement = `
with s as materialized (select pg_current_snapshot() as snapshot, log.incarnation() as incarnation)
select s.snapshot::text as snapshot, s.incarnation,
  coalesce(c.purged < pg_snapshot_xmin($2::pg_snapshot)
      or pg_visible_in_snapshot(c.purged_by, $2::pg_snapshot), true)
    and pg_snapshot_xmax($2::pg_snapshot) <= pg_snapshot_xmax(s.snapshot) as known,
  c.id is null as gone,
  d.id::text as id, d.changed::text as changed, d.vector, d.payload, d.deleted
from s left join vectors.collections c on c.id = $1
left join lateral vectors.read_changes($1, $2::pg_snapshot, $7::pg_snapshot,
  coalesce($3::pg_snapshot, s.snapshot), $4::xid8, $5::uuid, $6) d on true
order by d.changed, d.id`;

/** What a reader hands in: which collection, from where, and how many points at most (default 1,000). */
export interface FeedRequest extends QueryOptions {
  readonly collectionId: number;
  /** `firstPosition`, `currentPosition`, or the position of the page before. */
  readonly position: string;
  /** That of the position; not needed for `firstPosition`. */
  readonly incarnation?: string | undefined;
  readonly limit?: number;
}

/**
 * The next page of changes; a point that changed several times comes once. A collection that is gone has
 * no changes. Throws `FeedGapError` when the feed cannot be continued from this position.
 */
export async function readChanges(database: Queryable, request: FeedRequest): Promise<ChangePage> {
  const page = await readRawChanges(database, request);
  return { ...page, changes: page.changes.map(toChange) };
}

export async function readRawChanges(
  database: Queryable,
  { collectionId, position, incarnation, limit = 1_000, ...options }: FeedRequest,
): Promise<RawChangePage> {
  const { from, vectorsFrom, step } = parsePosition(position);
  const rows = await database.query<Row>(
    {
      name: "vectors_read_changes",
      text: statement,
      values: [
        collectionId,
        from,
        step?.to ?? null,
        step?.changed ?? "0",
        step?.id ?? "00000000-0000-0000-0000-000000000000",
        limit,
        vectorsFrom,
      ],
    },
    options,
  );
  const [first] = rows;
  if (first === undefined) throw new Error("the feed returned no snapshot");
  // from the very beginning nothing is missed: deleted points are not needed
  const isKnown = first.known || from === firstPosition;
  const isCurrent = first.incarnation === incarnation || position === firstPosition;
  if (!isKnown || !isCurrent) {
    throw new FeedGapError("The feed of changes cannot be continued from this position.");
  }
  const common = { incarnation: first.incarnation, gone: first.gone };
  const to = step?.to ?? first.snapshot;
  const changes = first.id === null ? [] : (rows as (Row & { readonly id: string })[]);
  const last = changes.at(-1);
  if (last !== undefined && changes.length >= limit) {
    const next = [from, vectorsFrom, to, last.changed, last.id].join("/");
    return { ...common, changes, position: next, more: true };
  }
  const next = step === undefined ? to : `${to}/${vectorsFrom}`;
  return { ...common, changes, position: next, more: false };
}

/**
 * `from`, all up to which was read; after a step that took several pages also `/vectorsFrom`; and in the
 * middle of one `/to/xid/id`, where it ends and the last point read. A point that changes again while a
 * step is being read moves behind the step, so its vector may be new to the reader although it is older
 * than `from`: until a step fits into one page, vectors count from where the pages began.
 */
function parsePosition(position: string): {
  readonly from: string;
  readonly vectorsFrom: string;
  readonly step: { readonly to: string; readonly changed: string; readonly id: string } | undefined;
} {
  const [from = "", vectorsFrom = from, to, changed, id] = position.split("/");
  const isInside = to !== undefined && changed !== undefined && id !== undefined;
  return { from, vectorsFrom, step: isInside ? { to, changed, id } : undefined };
}

/** Now: after everything that can be read, before everything that will be committed from here on. */
export async function currentPosition(
  database: Queryable,
  options: QueryOptions = {},
): Promise<Pick<ChangePage, "position" | "incarnation">> {
  const [row] = await database.query<Pick<ChangePage, "position" | "incarnation">>(
    {
      text: "select pg_current_snapshot()::text as position, log.incarnation() as incarnation",
    },
    options,
  );
  if (row === undefined) throw new Error("the database returned no snapshot");
  return row;
}

function toChange({ id, vector, payload, deleted }: RawChange): PointChange {
  const change = { id, payload: JSON.parse(payload) as Payload, deleted };
  return vector === null ? change : { ...change, vector: floatsOf(vector) };
}

/** A copy: the driver's buffer may lie at any offset. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

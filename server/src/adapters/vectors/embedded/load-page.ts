/** A page of points on its way into the index. */
import type { Database } from "../../../core/ports/database.ts";

export interface LoadPage {
  /** 36 characters each. */
  readonly ids: string;
  /** Float32 components of all vectors; can be transferred to another thread. */
  readonly vectors: ArrayBuffer;
  /** JSON texts, one per line. */
  readonly payloads: string;
  /** The last id; undefined on the last page. */
  readonly next: string | undefined;
}

interface Row {
  readonly points: number;
  readonly ids: string;
  readonly vectors: Buffer;
  readonly payloads: string;
}

const nilId = "00000000-0000-0000-0000-000000000000";
const pagePoints = 2_000;
const idLength = 36;

/** One row per page: the driver parses it much faster than a row per point. JSON text contains no line breaks. */
const statement = {
  name: "vectors_load_page",
  text: `select count(*)::int as points, coalesce(string_agg(p.id::text, '' order by p.id), '') as ids,
           coalesce(string_agg(p.vector, '' order by p.id), '') as vectors,
           coalesce(string_agg(p.payload::text, E'\\n' order by p.id), '') as payloads
         from (
           select id, vector, payload from vectors.points
           where collection_id = $1 and id >= $2::uuid and id is distinct from $4::uuid
             and deleted_at is null
           order by id limit $3
         ) p`,
};

/** The points after the id `after`, in order of id; undefined if there are none. */
export async function readLoadPage(
  database: Database,
  collectionId: number,
  after: string | undefined,
): Promise<LoadPage | undefined> {
  const [row]: Row[] = await database.query<Row>({
    ...statement,
    values: [collectionId, after ?? nilId, pagePoints, after ?? null],
  });
  if (row === undefined || row.points === 0) return undefined;
  return {
    ids: row.ids,
    vectors: Uint8Array.from(row.vectors).buffer,
    payloads: row.payloads,
    next: row.points < pagePoints ? undefined : row.ids.slice(-idLength),
  };
}

/** Points whose payload or vector is behind the tables: pages mark them, the part `points` takes them. */
import { ArrayColumn, typeIds } from "../../../core/array-column.ts";
import type { Queryable } from "../../../core/ports/database.ts";

export type StaleKind = "products" | "users";

const marksOfRow = 100;
const idLength = 36;

export async function markStale(
  connection: Queryable,
  kind: StaleKind,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  const column = new ArrayColumn(typeIds.uuid);
  column.begin(ids.length);
  for (const id of ids) column.uuid(id);
  await connection.query({
    name: "stream_mark_stale",
    text: `insert into stream.stale (is_user, point_ids)
           select $2, ($1::uuid[])[n : n + $3 - 1] from generate_series(1, cardinality($1::uuid[]), $3) n`,
    values: [column.end(), kind === "users", marksOfRow],
  });
}

export interface TakenMarks {
  /** Point ids, each once. */
  readonly ids: readonly string[];
  /** Age of the oldest mark; 0 without marks. */
  readonly waitedMs: number;
  readonly left: boolean;
}

/** At most `most` points, the oldest marks first; the other points stay marked, each once. */
export async function takeStale(
  connection: Queryable,
  kind: StaleKind,
  most: number,
): Promise<TakenMarks> {
  const [row] = await connection.query<{ ids: string; waited_ms: number; more: boolean }>({
    name: "stream_take_stale",
    // as one text: the driver parses an array of as many elements ten times as slowly
    text: `select ids, greatest(0, coalesce(extract(epoch from clock_timestamp() - since), 0))::float8 * 1000 as waited_ms, more
           from stream.take_stale($1, $2)`,
    values: [kind === "users", most],
  });
  const {
    ids: text,
    waited_ms: waitedMs,
    more: left,
  } = row ?? { ids: "", waited_ms: 0, more: false };
  const ids = Array.from({ length: text.length / idLength }, (_, n) =>
    text.slice(n * idLength, (n + 1) * idLength),
  );
  return { ids, waitedMs, left };
}

/** Points whose payload or vector is behind the tables: marked by pages, taken by the part `points`. */
import { ArrayColumn, typeIds } from "../core/array-column.ts";
import type { Queryable } from "../core/database.ts";

export type StaleKind = "products" | "users";

const marksOfRow = 100;
const rowsTaken = 1_000;

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

/**
 * Point ids, each once, at most `most` of them; what else was marked stays marked, each point once: so marks
 * do not pile up while they come faster than they go. Whether there are more says `left`.
 */
export async function takeStale(
  connection: Queryable,
  kind: StaleKind,
  most: number,
): Promise<{ readonly ids: readonly string[]; readonly left: boolean }> {
  const rows = await connection.query<{ point_ids: string[] }>({
    name: "stream_take_stale",
    text: `delete from stream.stale where id = any(array(
             select id from stream.stale where is_user = $1 order by id limit $2 for update skip locked))
           returning point_ids`,
    values: [kind === "users", rowsTaken],
  });
  const all = [...new Set(rows.flatMap((row) => row.point_ids))];
  await markStale(connection, kind, all.slice(most));
  return { ids: all.slice(0, most), left: all.length > most || rows.length === rowsTaken };
}

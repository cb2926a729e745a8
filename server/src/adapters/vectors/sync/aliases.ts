/**
 * Copies aliases. An alias moves only when its collection has everything that PostgreSQL had when the alias was
 * moved there, so that no query by alias sees an incomplete collection.
 */
import type { Queryable } from "../../../core/ports/database.ts";
import { tryLockAliases } from "./lock.ts";
import type { Target } from "./target.ts";

/** Alias -> its collection in PostgreSQL, and the snapshot in which this worker first saw it there. */
export type KnownAliases = Map<string, { readonly name: string; readonly since: string }>;

interface Row {
  readonly alias: string;
  readonly name: string;
  readonly seen: string;
}

interface RowWithState extends Row {
  /** The snapshot up to which its points were copied; null when the copy has begun again. */
  readonly copied: string | null;
}

/** Brings `known` up to date. */
export async function readAliases(database: Queryable, known: KnownAliases): Promise<void> {
  const rows = await database.query<Row>({
    text: `select a.alias, c.name, pg_current_snapshot()::text as seen
           from vectors.aliases a join vectors.collections c on c.id = a.collection_id`,
  });
  const existing = new Set(rows.map(({ alias }) => alias));
  for (const alias of known.keys()) if (!existing.has(alias)) known.delete(alias);
  for (const { alias, name, seen } of rows) {
    if (known.get(alias)?.name !== name) known.set(alias, { name, since: seen });
  }
}

/**
 * Moves all aliases that differ in one call, once all of their collections are complete: the aliases of a model
 * move together or not at all. Does nothing while another worker does it.
 */
export async function switchCompleteAliases(
  target: Target,
  known: KnownAliases,
  signal: AbortSignal,
): Promise<void> {
  if (known.size === 0) return;
  const inStore = await target.store.aliases({ signal });
  if ([...known].every(([alias, { name }]) => inStore[alias] === name)) return;
  await target.database.transaction(
    async (connection) => {
      if (!(await tryLockAliases(connection, target.storeName))) return;
      const differing = await readDiffering(target, connection, signal);
      if (!(await areComplete(connection, known, differing))) return;
      const moved = Object.fromEntries(differing.map((row) => [row.alias, row.name]));
      await target.store.switchAliases(moved, { signal });
    },
    { timeoutMs: 30_000 },
  );
}

/** Read again behind the lock: a worker with an older state may have moved the aliases back. */
async function readDiffering(
  { store, storeName }: Target,
  connection: Queryable,
  signal: AbortSignal,
): Promise<RowWithState[]> {
  const inStore = await store.aliases({ signal });
  const rows = await connection.query<RowWithState>({
    text: `select a.alias, c.name, pg_current_snapshot()::text as seen,
             case when s.caught_up_at is not null then split_part(s.position, '/', 1) end as copied
           from vectors.aliases a join vectors.collections c on c.id = a.collection_id
           left join vectors.sync_state s on s.store = $1 and s.collection_id = c.id`,
    values: [storeName],
  });
  return rows.filter((row) => inStore[row.alias] !== row.name);
}

async function areComplete(
  connection: Queryable,
  known: KnownAliases,
  rows: readonly RowWithState[],
): Promise<boolean> {
  if (rows.length === 0) return false;
  // `bool_and` ignores null: a collection that never caught up, or an alias that has moved again since
  const isKnown = rows.every(
    (row) => row.copied !== null && known.get(row.alias)?.name === row.name,
  );
  if (!isKnown) return false;
  const [result] = await connection.query<{ complete: boolean }>({
    // all that was visible when the alias was seen has been copied; a clock cannot say that, as it may step
    text: `select coalesce(bool_and(pg_snapshot_xmax(t.copied) >= pg_snapshot_xmax(t.since)
               and not exists (select from pg_snapshot_xip(t.copied) x where pg_visible_in_snapshot(x, t.since))),
             false) as complete
           from unnest($1::pg_snapshot[], $2::pg_snapshot[]) t (copied, since)`,
    values: [rows.map((row) => row.copied), rows.map((row) => known.get(row.alias)?.since)],
  });
  return result?.complete === true;
}

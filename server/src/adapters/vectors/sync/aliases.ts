/**
 * Aliases follow their collections: one is moved only when the collection has had everything that
 * PostgreSQL had when the alias was moved there, so that nobody who asks by alias sees half a collection.
 */
import type { Queryable } from "../../../core/ports/database.ts";
import type { Target } from "./page.ts";

/** Alias -> where it points in PostgreSQL, and since when this worker knows it, by the database's clock. */
export type PendingAliases = Map<string, { readonly name: string; readonly since: string }>;

interface Row {
  readonly alias: string;
  readonly name: string;
  readonly now: string;
}

/** Brings `known` up to date. */
export async function readAliases(database: Queryable, known: PendingAliases): Promise<void> {
  const rows = await database.query<Row>({
    text: `select a.alias, c.name, clock_timestamp()::text as now
           from vectors.aliases a join vectors.collections c on c.id = a.collection_id`,
  });
  const there = new Map(rows.map((row) => [row.alias, row]));
  for (const alias of known.keys()) if (!there.has(alias)) known.delete(alias);
  for (const { alias, name, now } of rows) {
    if (known.get(alias)?.name !== name) known.set(alias, { name, since: now });
  }
}

/**
 * Moves all aliases that differ in one call, once all of their collections are ready: a model's aliases
 * move together or not at all. Does nothing while another worker is at it.
 */
export async function switchReadyAliases(
  target: Target,
  known: PendingAliases,
  signal: AbortSignal,
): Promise<void> {
  if (known.size === 0) return;
  const there = await target.store.aliases({ signal });
  if ([...known].every(([alias, { name }]) => there[alias] === name)) return;
  await target.database.transaction(
    async (connection) => {
      const [lock] = await connection.query<{ locked: boolean }>({
        text: "select pg_try_advisory_xact_lock(hashtext('vectors.delivery:' || $1), 0) as locked",
        values: [target.storeName],
      });
      if (lock?.locked !== true) return;
      // again, behind the lock: a worker with older news may have moved them back
      const now = await target.store.aliases({ signal });
      const rows = await connection.query<Row & { caught_up_at: string | null }>({
        text: `select a.alias, c.name, d.caught_up_at::text as caught_up_at
               from vectors.aliases a join vectors.collections c on c.id = a.collection_id
               left join vectors.deliveries d on d.store = $1 and d.collection_id = c.id`,
        values: [target.storeName],
      });
      const differing = rows.filter((row) => now[row.alias] !== row.name);
      if (differing.length === 0) return;
      const ready = await connection.query<{ ready: boolean }>({
        text: `select coalesce(bool_and(t.caught_up_at > t.since), false) as ready
               from unnest($1::timestamptz[], $2::timestamptz[]) t (caught_up_at, since)`,
        values: [
          differing.map((row) => row.caught_up_at),
          differing.map((row) => {
            const entry = known.get(row.alias);
            return entry?.name === row.name ? entry.since : null;
          }),
        ],
      });
      // one null (never caught up, or moved again since) is not seen by bool_and
      const isComplete = differing.every(
        (row) => row.caught_up_at !== null && known.get(row.alias)?.name === row.name,
      );
      if (!isComplete || ready[0]?.ready !== true) return;
      await target.store.switchAliases(
        Object.fromEntries(differing.map((row) => [row.alias, row.name])),
        { signal },
      );
    },
    { timeoutMs: 30_000 },
  );
}

/** Deletes dead letters by age and by total size, and warns before an open one is deleted. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { overheadBytes, readFigures } from "./figures.ts";

export interface RetentionSettings {
  /** Days after which a resolved or discarded dead letter is deleted. */
  readonly retentionDays: number;
  readonly maxBytes: number;
}

export interface Swept {
  /** Resolved and discarded ones, deleted for their age. */
  readonly expired: number;
  /** Resolved and discarded ones, deleted for the total size. */
  readonly settled: number;
  /** Open ones, deleted for the total size: their content is lost. */
  readonly open: number;
  /** Total size after the sweep. */
  readonly bytes: number;
}

const warnShare = 0.8;

const sweepTimeoutMs = 300_000;
const maxRows = 20_000;

/** Warns the operator before open dead letters are deleted. */
export function sizeWarning(
  figures: { readonly bytes: number; readonly letters: { readonly open: number } },
  { maxBytes }: Pick<RetentionSettings, "maxBytes">,
): string | undefined {
  const share = figures.bytes / maxBytes;
  if (share < warnShare) return undefined;
  const { open } = figures.letters;
  return `dead letters take ${Math.round(share * 100)} % of dlq.max_mib; above 100 % resolved and discarded ones are deleted first, then the oldest of ${open} open ones`;
}

/**
 * Deletes resolved and discarded dead letters that are too old. If the rest is too large, deletes settled ones
 * (resolved or discarded) first and then open ones, oldest first. Never deletes one that is being replayed. Only one
 * process sweeps at a time: in a second one the result is undefined.
 */
export async function sweep(
  database: Database,
  { retentionDays, maxBytes }: RetentionSettings,
): Promise<Swept | undefined> {
  return database.transaction(
    async (connection) => {
      const [lock] = await connection.query<{ locked: boolean }>({
        text: "select pg_try_advisory_xact_lock(hashtext('dlq retention')) as locked",
      });
      if (lock?.locked !== true) return undefined;
      const expired = await connection.query({
        text: `delete from dlq.letters where id in (
                 select id from dlq.letters
                 where state in ('resolved', 'discarded') and resolved_at < clock.earliest() - make_interval(days => $1)
                 limit ${maxRows})
               returning 1 as one`,
        values: [retentionDays],
      });
      await connection.query({
        text: `delete from dlq.replays r
               where state in ('done', 'cancelled') and finished_at < clock.earliest() - make_interval(days => $1)
                 and not exists (select from dlq.letters where replay_id = r.id)`,
        values: [retentionDays],
      });
      let { bytes } = await readFigures(connection);
      const makeRoomFrom = async (states: readonly string[]) => {
        const deleted = await deleteOldest(connection, states, bytes - maxBytes);
        bytes -= deleted.bytes;
        return deleted.letters;
      };
      const settled = await makeRoomFrom(["resolved", "discarded"]);
      const open = await makeRoomFrom(["open"]);
      return { expired: expired.length, settled, open, bytes };
    },
    { timeoutMs: sweepTimeoutMs },
  );
}

async function deleteOldest(
  connection: Queryable,
  states: readonly string[],
  excess: number,
): Promise<{ letters: number; bytes: number }> {
  if (excess <= 0) return { letters: 0, bytes: 0 };
  const [deleted] = await connection.query<{ letters: number; bytes: number }>({
    text: `with sized as (
             select id, last_at, bytes + ${overheadBytes} as size from dlq.letters
             where state = any ($1) order by last_at, id limit ${maxRows}
           ), chosen as (
             select id from (
               select id, size, sum(size) over (order by last_at, id) as running from sized) s
             where running - size < $2
           ), deleted as (
             delete from dlq.letters l using chosen c where l.id = c.id and l.state = any ($1)
             returning l.bytes + ${overheadBytes} as size
           )
           select count(*)::int as letters, coalesce(sum(size), 0)::float8 as bytes from deleted`,
    values: [states, excess],
  });
  return deleted ?? { letters: 0, bytes: 0 };
}

/** Keeps the dead letters in bounds, of age and of size, and says so before an open one is touched. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { overheadBytes, readFigures } from "./figures.ts";

export interface RetentionSettings {
  /** Days after which a resolved or discarded letter is deleted. */
  readonly retentionDays: number;
  readonly maxBytes: number;
}

export interface Swept {
  /** Resolved and discarded letters, for their age. */
  readonly expired: number;
  /** Resolved and discarded letters, for the size of all. */
  readonly settled: number;
  /** Open letters, for the size of all: what they held is lost. */
  readonly open: number;
  /** After the sweep. */
  readonly bytes: number;
}

const warnShare = 0.8;

const sweepTimeoutMs = 300_000;
const mostAtOnce = 20_000;

/** What an operator should know before letters are deleted that nobody has looked at. */
export function roomWarning(
  figures: { readonly bytes: number; readonly letters: { readonly open: number } },
  { maxBytes }: Pick<RetentionSettings, "maxBytes">,
): string | undefined {
  const share = figures.bytes / maxBytes;
  if (share < warnShare) return undefined;
  const { open } = figures.letters;
  return `dead letters take ${Math.round(share * 100)} % of dlq.max_mib; above 100 % resolved and discarded letters are deleted, then the oldest of ${open} open ones`;
}

/**
 * One round: what is resolved or discarded and too old; and when all take too much room, settled letters
 * first and then open ones, the oldest first. Letters under replay are never touched. One process at a
 * time: a second one does nothing and answers undefined.
 */
export async function sweep(
  database: Database,
  { retentionDays, maxBytes }: RetentionSettings,
): Promise<Swept | undefined> {
  return database.transaction(
    async (connection) => {
      const [lock] = await connection.query<{ mine: boolean }>({
        text: "select pg_try_advisory_xact_lock(hashtext('dlq retention')) as mine",
      });
      if (lock?.mine !== true) return undefined;
      const expired = await connection.query({
        text: `delete from dlq.letters where id in (
                 select id from dlq.letters
                 where state in ('resolved', 'discarded') and resolved_at < clock_timestamp() - make_interval(days => $1)
                 limit ${mostAtOnce})
               returning 1 as one`,
        values: [retentionDays],
      });
      await connection.query({
        text: `delete from dlq.replays r
               where state in ('done', 'cancelled') and finished_at < clock_timestamp() - make_interval(days => $1)
                 and not exists (select from dlq.letters where replay_id = r.id)`,
        values: [retentionDays],
      });
      let { bytes } = await readFigures(connection);
      const makeRoom = async (states: readonly string[]) => {
        const gone = await deleteOldest(connection, states, bytes - maxBytes);
        bytes -= gone.bytes;
        return gone.letters;
      };
      const settled = await makeRoom(["resolved", "discarded"]);
      const open = await makeRoom(["open"]);
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
  const [gone] = await connection.query<{ letters: number; bytes: number }>({
    text: `with sized as (
             select id, last_at, bytes + ${overheadBytes} as size from dlq.letters
             where state = any ($1) order by last_at, id limit ${mostAtOnce}
           ), doomed as (
             select id from (
               select id, size, sum(size) over (order by last_at, id) as running from sized) s
             where running - size < $2
           ), gone as (
             delete from dlq.letters l using doomed d where l.id = d.id and l.state = any ($1)
             returning l.bytes + ${overheadBytes} as size
           )
           select count(*)::int as letters, coalesce(sum(size), 0)::float8 as bytes from gone`,
    values: [states, excess],
  });
  return gone ?? { letters: 0, bytes: 0 };
}

import type { Freshness } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";

const countedAtMost = 10_000;

interface CursorRow {
  readonly begun_at: Date;
  readonly position: string | null;
  readonly read_at: Date | null;
  /** Nothing received before this can be unread; as text, to the microsecond. */
  readonly since: string | null;
}

/**
 * How fresh the windows of this connection's snapshot are. When it shows no raw event that the
 * windows lack, all that was committed before it is in the numbers, however long ago the ETL last
 * had something to do.
 */
export async function readFreshness(connection: Queryable): Promise<Freshness> {
  // A plan made while the day's partition was empty reads all of it: 2 ms became 340 ms.
  const [cursor] = await connection.query<CursorRow>({
    text: `
      select now() as begun_at, c.position::text, c.read_at,
        (c.read_at - interval '1 hour')::text as since,
        set_config('enable_seqscan', 'off', true)
      from (select) as always left join etl.cursors c on c.reader = 'windows'`,
  });
  const behind = cursor === undefined ? countedAtMost : await countUnread(connection, cursor);
  await connection.query({ text: "select set_config('enable_seqscan', 'on', true)" });
  // The transaction began before its snapshot was taken: nothing committed before it is missing.
  const begunAt = cursor?.begun_at ?? new Date(0);
  const asOf = behind === 0 ? begunAt : (cursor?.read_at ?? new Date(0));
  return {
    as_of: asOf.toISOString(),
    lag_ms: Math.max(0, begunAt.getTime() - asOf.getTime()),
    behind_events: behind,
  };
}

/** The cursor's values are parameters, so that the plan has two partitions in it and not all. */
async function countUnread(connection: Queryable, { position, since }: CursorRow): Promise<number> {
  if (position === null || since === null) return countedAtMost;
  const [row] = await connection.query<{ behind: string }>({
    text: `
      select count(*) as behind from (
        (select from raw.events
          where xid >= pg_snapshot_xmax($1::pg_snapshot) and received_at >= $2::timestamptz
          limit $3)
        union all
        (select from raw.events
          where xid = any (array(select pg_snapshot_xip($1::pg_snapshot)))
            and received_at >= $2::timestamptz
          limit $3)
        limit $3
      ) as unread`,
    values: [position, since, countedAtMost],
  });
  return Number(row?.behind ?? 0);
}

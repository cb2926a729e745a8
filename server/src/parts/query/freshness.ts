import type { Freshness } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";

const countedAtMost = 10_000;

interface LagRow {
  readonly begun_at: Date;
  /** Null when the windows have no reader yet. */
  readonly events: string | null;
  readonly oldest: Date | null;
}

/**
 * How fresh the windows of this connection's snapshot are. When it shows no raw event that the
 * windows lack, all that was committed before it is in the numbers, however long ago the ETL last
 * had something to do.
 */
export async function readFreshness(connection: Queryable): Promise<Freshness> {
  const [row] = await connection.query<LagRow>({
    name: "query_freshness",
    text: `select now() as begun_at, events, oldest from log.lag('windows', $1)`,
    values: [countedAtMost],
  });
  // The transaction began before its snapshot was taken: nothing committed before it is missing.
  const begunAt = row?.begun_at.getTime() ?? 0;
  const behind = Number(row?.events ?? countedAtMost);
  // an unread event was committed after it was received; a clock that has stepped back receives in the future
  const asOf = behind === 0 ? begunAt : Math.min(begunAt, row?.oldest?.getTime() ?? 0);
  return {
    as_of: new Date(asOf).toISOString(),
    lag_ms: begunAt - asOf,
    behind_events: behind,
  };
}

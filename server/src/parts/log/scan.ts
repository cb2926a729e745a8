/** One pass over the raw log, in pages, for work that is done again from the start when it fails. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { LogScan, ScanRange } from "../../core/ports/log.ts";
import { columns, type EventRow, toStoredEvent } from "./stored-events.ts";

interface ScannedRow extends EventRow {
  readonly to: string;
}

/** $1 from, $2 received from, $3 the most events. */
const nextStatement = `
  with seen as materialized (select pg_current_snapshot() as seen), page as materialized (
    select r.* from seen cross join lateral log.unread($1::pg_snapshot, seen.seen, $2::timestamptz, $3) r
  ), cut as materialized (
    select log.position_after(seen, (select max(xid) from page))::text as "to" from seen
  )
  select ${columns}, cut."to"
  from page r cross join cut left join etl.event_type_actions a on a.name = r.event_type`;

const logStart = "1:1:";

export function createLogScan(database: Database): LogScan {
  return {
    async next(after, { receivedFrom, maxEvents }) {
      const from = after?.to ?? logStart;
      return database.transaction(async (connection) => {
        const incarnation = await readIncarnation(connection, after);
        // by the index on xid, however few rows the planner expects
        await connection.query({
          text: "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) name",
        });
        const values = [from, receivedFrom, maxEvents];
        const rows = await connection.query<ScannedRow>({ text: nextStatement, values });
        const [first] = rows;
        if (first === undefined) return undefined;
        const since = receivedFrom.toISOString();
        const range = { from, to: first.to, since, events: rows.length, incarnation };
        return { range, events: rows.map(toStoredEvent) };
      });
    },
    async names(connection, range) {
      await readIncarnation(connection, range);
      return connection.query<{ serviceId: number; eventId: string }>({
        name: "log_names",
        text: `select service_id as "serviceId", event_id as "eventId"
               from log.unread($1::pg_snapshot, $2::pg_snapshot, $3::timestamptz, null)`,
        values: [range.from, range.to, range.since],
      });
    },
  };
}

/** In another incarnation the range may show transactions as read whose ids were given to others. */
async function readIncarnation(
  connection: Queryable,
  range: ScanRange | undefined,
): Promise<string> {
  const [row] = await connection.query<{ incarnation: string }>({
    name: "log_incarnation",
    text: "select log.incarnation() as incarnation",
  });
  if (row === undefined) throw new Error("PostgreSQL returned no incarnation.");
  if (range !== undefined && range.incarnation !== row.incarnation) {
    throw new Error("PostgreSQL crashed during a pass over the raw log; it begins again.");
  }
  return row.incarnation;
}

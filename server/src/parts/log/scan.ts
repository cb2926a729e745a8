/** One pass over the raw log, in pages, for work that is done again from the start when it fails. */
import type { Database } from "../../core/ports/database.ts";
import type { LogScan } from "../../core/ports/log.ts";
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

export function createLogScan(database: Database): LogScan {
  return {
    async next(from, { receivedFrom, maxEvents }) {
      const rows = await database.transaction(
        async (connection) => {
          // by the index on xid, however few rows the planner expects
          await connection.query({
            text: "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) name",
          });
          const values = [from, receivedFrom, maxEvents];
          return connection.query<ScannedRow>({ text: nextStatement, values });
        },
        { readOnly: true },
      );
      const [first] = rows;
      if (first === undefined) return undefined;
      const range = {
        from,
        to: first.to,
        since: receivedFrom.toISOString(),
        events: rows.length,
      };
      return { range, events: rows.map(toStoredEvent) };
    },
    async names(connection, { from, to, since }) {
      return connection.query<{ serviceId: number; eventId: string }>({
        name: "log_names",
        text: `select service_id as "serviceId", event_id as "eventId"
               from log.unread($1::pg_snapshot, $2::pg_snapshot, $3::timestamptz, null)`,
        values: [from, to, since],
      });
    },
  };
}

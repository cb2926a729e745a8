/** What a reader whose workers share the log in pages has processed of one user. */
import type { Queryable } from "../../core/ports/database.ts";
import type { StoredEvent } from "../../core/ports/log.ts";
import { columns, type EventRow, toStoredEvent } from "./stored-events.ts";

export interface ProcessedQuery {
  readonly reader: string;
  readonly userKey: string;
  /** A `pg_snapshot` as text: events that it shows are left out. */
  readonly after: string;
  /** As PostgreSQL writes it: none of the others was received earlier. */
  readonly since: string;
}

/** Events behind the reader's position that are in no claimed page. Call it while no page can be finished. */
export async function readProcessedEvents(
  connection: Queryable,
  { reader, userKey, after, since }: ProcessedQuery,
): Promise<StoredEvent[]> {
  // by the index on xid, however few rows the planner expects
  await connection.query({
    text: "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) name",
  });
  const rows = await connection.query<EventRow>({
    text: `select ${columns}
           from log.readers k
           cross join lateral log.unread($1::pg_snapshot, k.position, log.since($1::pg_snapshot, $2::timestamptz), null) r
           left join etl.event_type_actions a on a.name = r.event_type
           where k.name = $3 and r.user_key = $4 and not exists (
             select from log.pages p where p.reader = k.name
               and pg_visible_in_snapshot(r.xid, p.to_position) and not pg_visible_in_snapshot(r.xid, p.from_position))`,
    values: [after, since, reader, userKey],
  });
  return rows.map(toStoredEvent);
}

/** Rows of the raw log with everything that is known of them, in the order of the log. */
import type { LoggedEvent } from "../../core/event/event-message.ts";
import type { Database } from "../../core/ports/database.ts";
import type { NextRange } from "../../core/ports/log.ts";

interface LoggedRow {
  readonly service: string | null;
  readonly service_id: number;
  readonly format: number;
  readonly event_id: string;
  readonly event_ref: string | null;
  readonly event_type: string;
  readonly occurred_at: string;
  readonly received_at: string;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly items: string | null;
  readonly xid: string;
  readonly payload: string;
}

const instant = (column: string) =>
  `to_char(r.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${column}`;

/**
 * $1 from, $2 to, $3 since. The order comes from log.unread and the index on xid: transactions by their ids, the rows of
 * each as they were written. The caller's session must not sort instead (`enable_sort`).
 */
const statement = `
  select (select s.name from auth.services s where s.id = r.service_id) as service, r.service_id, r.format, r.event_id,
    r.event_ref, r.event_type, ${instant("occurred_at")}, ${instant("received_at")}, r.user_key, r.product_key,
    r.amount::text as amount, r.currency, r.items::text as items, r.xid::text as xid, r.payload
  from log.unread($1::pg_snapshot, $2::pg_snapshot, $3::timestamptz, null) r`;

/** Settings of sessions that call `readLoggedRange`. */
export const inLogOrder: Readonly<Record<string, string>> = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_sort: "off",
};

/** More events than this are fetched in chunks of this size, because each may have 64 KiB. */
const chunkEvents = 500;

export async function* readLoggedRange(
  database: Database,
  range: NextRange,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<LoggedEvent[]> {
  const values = [range.from, range.to, range.since];
  const toLogged = (row: LoggedRow) => toLoggedEvent(row, range.incarnation);
  if (range.events <= chunkEvents) {
    const rows = await database.query<LoggedRow>(
      { name: "log_read_logged", text: statement, values },
      { signal },
    );
    yield rows.map(toLogged);
    return;
  }
  const chunks = database.stream<LoggedRow>(
    { text: statement, values },
    { chunk: chunkEvents, signal },
  );
  for await (const rows of chunks) yield rows.map(toLogged);
}

function toLoggedEvent(row: LoggedRow, incarnation: string): LoggedEvent {
  return {
    service: row.service ?? `service ${row.service_id}`,
    serviceId: row.service_id,
    format: row.format,
    eventId: row.event_id,
    eventRef: row.event_ref,
    eventType: row.event_type,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    userKey: row.user_key,
    productKey: row.product_key,
    amount: row.amount,
    currency: row.currency,
    items: row.items,
    xid: row.xid,
    incarnation,
    payload: row.payload,
  };
}

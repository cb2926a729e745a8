/** Pages of the raw log: taken under fencing, read in chunks, given back never: see stream.pages. */

import type { Format } from "../../core/event/record.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { LogEvent } from "./log-event.ts";

export interface Page {
  readonly id: string;
  readonly epoch: number;
  readonly events: number;
  readonly fromPosition: string;
  readonly toPosition: string;
  readonly since: string;
  /** Milliseconds since 1970: all committed before it was read before this page. */
  readonly readAt: number;
}

export interface ClaimOptions {
  readonly owner: string;
  readonly maxEvents: number;
  /** The writers' transaction_timeout. */
  readonly longestWriteMs: number;
  /** A page whose worker gave no sign of life for this long is taken over. */
  readonly patienceMs: number;
}

interface PageRow {
  readonly id: string;
  readonly epoch: number;
  readonly events: number;
  readonly from_position: string;
  readonly to_position: string;
  readonly since: string;
  readonly read_at: string;
}

/** Undefined when there is nothing to read. */
export async function claimPage(
  database: Database,
  options: ClaimOptions,
): Promise<Page | undefined> {
  const [row] = await database.query<PageRow>({
    name: "stream_claim",
    text: `select id::text, epoch, events, from_position::text, to_position::text, since::text,
             extract(epoch from read_at)::float8 * 1000 as read_at
           from stream.claim($1, $2, $3 * interval '1 millisecond', $4 * interval '1 millisecond')`,
    values: [options.owner, options.maxEvents, options.longestWriteMs, options.patienceMs],
  });
  if (row === undefined) return undefined;
  return {
    id: row.id,
    epoch: row.epoch,
    events: row.events,
    fromPosition: row.from_position,
    toPosition: row.to_position,
    since: row.since,
    readAt: Number(row.read_at),
  };
}

/** Says that the page's worker lives; false when the page has been taken over or is done. */
export async function keepPage(database: Queryable, page: Page): Promise<boolean> {
  const rows = await database.query<{ id: string }>({
    name: "stream_keep",
    text: "update stream.pages set heartbeat_at = clock_timestamp() where id = $1 and epoch = $2 returning id",
    values: [page.id, page.epoch],
  });
  return rows.length === 1;
}

/** Part of the transaction that writes the page's effects; false when another worker has taken it over. */
export async function finishPage(connection: Queryable, page: Page): Promise<boolean> {
  const rows = await connection.query<{ id: string }>({
    name: "stream_finish",
    text: "delete from stream.pages where id = $1 and epoch = $2 returning id",
    values: [page.id, page.epoch],
  });
  return rows.length === 1;
}

export interface EventRow {
  readonly service_id: number;
  readonly event_id: string;
  readonly received_at: string;
  readonly received_at_ms: number;
  readonly format: number;
  readonly occurred_at: number;
  readonly event_type: string;
  readonly action: number | null;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly items: readonly { readonly id?: unknown }[] | null;
  readonly payload: string;
}

/** Of `raw.events r left join etl.event_type_actions a`. */
export const eventColumns = `r.service_id, r.event_id, r.received_at::text as received_at,
  extract(epoch from r.received_at)::float8 * 1000 as received_at_ms, r.format,
  extract(epoch from r.occurred_at)::float8 * 1000 as occurred_at, r.event_type, a.action,
  r.user_key, r.product_key, r.items, r.payload`;

/** $1 from, $2 to, $3 bound. Events without a product are left out unless $4. */
const readStatement = `
select ${eventColumns}
from (
  select * from raw.events
  where xid = any(array(select pg_snapshot_xip($1::pg_snapshot))) and received_at >= $3
    and pg_visible_in_snapshot(xid, $2::pg_snapshot)
  union all
  select * from raw.events
  where xid >= pg_snapshot_xmax($1::pg_snapshot) and xid < pg_snapshot_xmax($2::pg_snapshot)
    and received_at >= $3 and pg_visible_in_snapshot(xid, $2::pg_snapshot)
) r
left join etl.event_type_actions a on a.name = r.event_type
where r.product_key is not null or r.items is not null or $4`;

/** More rows than this are fetched in chunks, so that a page of large events fits into memory. */
const directEvents = 500;
const chunkEvents = 1_000;

export async function* readPage(
  database: Database,
  page: Page,
  options: { readonly all: boolean; readonly signal: AbortSignal },
): AsyncGenerator<LogEvent[]> {
  const values = [page.fromPosition, page.toPosition, page.since, options.all];
  if (page.events <= directEvents) {
    const rows = await database.query<EventRow>(
      { name: "stream_read", text: readStatement, values },
      { signal: options.signal },
    );
    yield rows.map(toLogEvent);
    return;
  }
  const chunks = database.stream<EventRow>(
    { text: readStatement, values },
    { chunk: chunkEvents, signal: options.signal },
  );
  for await (const rows of chunks) yield rows.map(toLogEvent);
}

/** The events named, for those that the page could not apply. */
export async function readEvent(
  database: Queryable,
  name: Pick<LogEvent, "serviceId" | "eventId" | "receivedAt">,
): Promise<LogEvent | undefined> {
  const [row] = await database.query<EventRow>({
    text: `select ${eventColumns} from raw.events r left join etl.event_type_actions a on a.name = r.event_type
           where r.received_at = $1::timestamptz and r.event_id = $2 and r.service_id = $3`,
    values: [name.receivedAt, name.eventId, name.serviceId],
  });
  return row === undefined ? undefined : toLogEvent(row);
}

export function toLogEvent(row: EventRow): LogEvent {
  return {
    serviceId: row.service_id,
    eventId: row.event_id,
    receivedAt: row.received_at,
    receivedAtMs: row.received_at_ms,
    format: row.format as Format,
    occurredAt: row.occurred_at,
    eventType: row.event_type,
    action: row.action ?? 0,
    userKey: row.user_key,
    productKey: row.product_key,
    items: row.items,
    payload: row.payload,
  };
}

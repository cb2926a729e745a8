/** Rows of the raw log as `StoredEvent`s. */
import type { Format } from "../../core/event/record.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { EventName, LogRange, StoredEvent } from "../../core/ports/log.ts";

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
export const columns = `r.service_id, r.event_id, r.received_at::text as received_at,
  extract(epoch from r.received_at)::float8 * 1000 as received_at_ms, r.format,
  extract(epoch from r.occurred_at)::float8 * 1000 as occurred_at, r.event_type, a.action,
  r.user_key, r.product_key, r.items, r.payload`;

/** $1 from, $2 to, $3 since, $4 also events without a product. */
const rangeStatement = `
  select ${columns}
  from log.unread($1::pg_snapshot, $2::pg_snapshot, $3::timestamptz, null) r
  left join etl.event_type_actions a on a.name = r.event_type
  where $4 or r.product_key is not null or r.items is not null`;

/** More events than this are fetched in chunks. */
const directEvents = 500;
const chunkEvents = 1_000;

export async function* readRange(
  database: Database,
  range: LogRange,
  options: { readonly about: "all" | "products"; readonly signal: AbortSignal },
): AsyncGenerator<StoredEvent[]> {
  const values = [range.from, range.to, range.since, options.about === "all"];
  if (range.events <= directEvents) {
    const rows = await database.query<EventRow>(
      { name: "log_read", text: rangeStatement, values },
      { signal: options.signal },
    );
    yield rows.map(toStoredEvent);
    return;
  }
  const chunks = database.stream<EventRow>(
    { text: rangeStatement, values },
    { chunk: chunkEvents, signal: options.signal },
  );
  for await (const rows of chunks) yield rows.map(toStoredEvent);
}

/** Undefined when it is not in the log any more. */
export async function readStoredEvent(
  database: Queryable,
  name: EventName,
): Promise<StoredEvent | undefined> {
  const [row] = await database.query<EventRow>({
    text: `select ${columns} from raw.events r left join etl.event_type_actions a on a.name = r.event_type
           where r.received_at = $1::timestamptz and r.event_id = $2 and r.service_id = $3`,
    values: [name.receivedAt, name.eventId, name.serviceId],
  });
  return row === undefined ? undefined : toStoredEvent(row);
}

export function toStoredEvent(row: EventRow): StoredEvent {
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

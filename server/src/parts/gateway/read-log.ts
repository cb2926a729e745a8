/** Reads of the raw log by snapshot: nothing that commits late is lost, and nobody is waited for. */
import type { Queryable, QueryOptions } from "../../core/ports/database.ts";
import type { Cursor, LastEvent } from "./cursor.ts";
import { formatSnapshot, parseSnapshot, type Snapshot } from "./snapshot.ts";

/** An event of the log as it is delivered; `payload` is JSON text, as it was sent. */
export interface LogEvent extends LastEvent {
  readonly eventType: string;
  readonly source: string;
  readonly userKey: string | null;
  readonly productKey: string | null;
  /** The members of the frame's event, without the braces: written once for all sockets. */
  readonly json: string;
}

export interface Page {
  /** Where the step ends: the snapshot of this read, or of the read that began the step. */
  readonly to: Snapshot;
  /** When `to` was taken, in milliseconds; only meaningful when this read began the step. */
  readonly at: number;
  readonly events: readonly LogEvent[];
  /** There may be more of this step. */
  readonly more: boolean;
}

/**
 * A row is new when its transaction is over now and was not over in `from`. `received_at` is when the
 * writing transaction began: it only keeps old days out of the plan, and a day more than the longest
 * write (10 s) costs nothing.
 */
const safetyMs = 24 * 60 * 60 * 1000;

interface Row {
  readonly snapshot: string;
  readonly at: string;
  readonly xid: string | null;
  readonly event_id: string;
  readonly service_id: number;
  readonly event_type: string;
  readonly source: string;
  readonly format: string;
  readonly received_at: string;
  readonly occurred_at: string;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly event_ref: string | null;
  readonly payload: string;
}

const columns = `
  e.xid, e.event_id, e.service_id, e.event_type, e.format, e.received_at, e.occurred_at, e.user_key,
  e.product_key, e.event_ref, e.payload`;

/** $1 xmax of from, $2 its xip, $3 bound, $4 end or null, $5-$7 last event or null, $8 limit. */
const readStatement = `
with s as materialized (select pg_current_snapshot() as snapshot)
select s.snapshot::text as snapshot,
  trunc(extract(epoch from clock_timestamp()) * 1000)::text as at,
  d.xid::text as xid, d.event_id::text as event_id, d.service_id, d.event_type,
  services.name as source,
  (array['native', 'segment', 'cloudevents'])[d.format + 1] as format,
  to_char(d.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
  to_char(d.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as occurred_at,
  d.user_key, d.product_key, d.event_ref, d.payload
from s left join lateral (
  select n.* from (
    select ${columns} from raw.events e where e.xid >= $1::xid8 and e.received_at >= $3
    union all
    select ${columns} from raw.events e where e.xid = any($2::xid8[]) and e.received_at >= $3
  ) n
  where ($4::pg_snapshot is null or pg_visible_in_snapshot(n.xid, $4::pg_snapshot))
    and ($5::xid8 is null or (n.xid, n.event_id, n.service_id) > ($5::xid8, $6::uuid, $7::int))
  order by n.xid, n.event_id, n.service_id
  limit $8
) d on true
left join auth.services on services.id = d.service_id
order by d.xid, d.event_id, d.service_id`;

/**
 * The next events after `cursor`, at most `limit`. Inside a step it goes on to the step's end, else it
 * begins a new one that ends now, or at `to`.
 */
export async function readPage(
  database: Queryable,
  cursor: Cursor,
  options: QueryOptions & { readonly limit: number; readonly to?: Snapshot },
): Promise<Page> {
  const end = cursor.step?.to ?? options.to;
  const last = cursor.step?.last;
  const rows = await database.query<Row>(
    {
      name: "gateway_read_log",
      text: readStatement,
      values: [
        cursor.from.xmax.toString(),
        cursor.from.xip.map(String),
        new Date(cursor.at - safetyMs),
        end === undefined ? null : formatSnapshot(end),
        last?.xid.toString() ?? null,
        last?.eventId ?? null,
        last?.serviceId ?? null,
        options.limit,
      ],
    },
    options,
  );
  const [first] = rows;
  const taken = first === undefined ? undefined : parseSnapshot(first.snapshot);
  if (first === undefined || taken === undefined) throw new Error("the log told no snapshot");
  const events = first.xid === null ? [] : rows.map(toLogEvent);
  return { to: end ?? taken, at: Number(first.at), events, more: events.length >= options.limit };
}

/** Now: before everything that will be committed from here on. */
export async function readPosition(database: Queryable, options: QueryOptions): Promise<Cursor> {
  const [row] = await database.query<Pick<Row, "snapshot" | "at">>(
    {
      text: `select pg_current_snapshot()::text as snapshot,
        trunc(extract(epoch from clock_timestamp()) * 1000)::text as at`,
    },
    options,
  );
  const from = row === undefined ? undefined : parseSnapshot(row.snapshot);
  if (row === undefined || from === undefined) throw new Error("the log told no snapshot");
  return { at: Number(row.at), from };
}

function toLogEvent(row: Row): LogEvent {
  const members = JSON.stringify({
    event_id: row.event_ref ?? row.event_id,
    event_type: row.event_type,
    source: row.source,
    format: row.format,
    received_at: row.received_at,
    occurred_at: row.occurred_at,
    user_id: row.user_key,
    product_id: row.product_key,
  });
  return {
    xid: BigInt(row.xid ?? 0),
    eventId: row.event_id,
    serviceId: row.service_id,
    eventType: row.event_type,
    source: row.source,
    userKey: row.user_key,
    productKey: row.product_key,
    // the payload goes out as it came in: parsing it here would round the numbers in it
    json: `${members.slice(1, -1)},"payload":${row.payload}`,
  };
}

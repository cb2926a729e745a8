import type { RawEvent } from "@weir/protocol";
import { WeirError } from "../../../core/errors.ts";
import { ranOutOfTime, type Scan } from "../query-runner.ts";
import { valueAt } from "./breakdown.ts";

/** How far a scan is, newest first: everything at or after this key was read. */
export interface EventKey {
  /** Microseconds since the epoch. */
  readonly occurredUs: number;
  readonly eventId: string;
  readonly serviceId: number;
}

/** Microseconds `[from, to)` of occurred_at. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

export interface EventFilter {
  readonly eventType?: string | undefined;
  readonly source?: string | undefined;
  readonly userKey?: string | undefined;
  readonly productKey?: string | undefined;
  /** All must match: a path into the payload and the text there. */
  readonly properties?: readonly { readonly path: readonly string[]; readonly value: string }[];
}

export interface FoundEvent {
  readonly key: EventKey;
  readonly event: RawEvent;
}

export interface ScanResult {
  readonly found: readonly FoundEvent[];
  /** Continue from here; undefined when all intervals were read. */
  readonly next: EventKey | undefined;
  /** false if the time limit was reached before the page of results was full. */
  readonly complete: boolean;
}

export interface EventRow {
  readonly event_id: string;
  readonly service_id: number;
  readonly occurred_us: string;
  readonly shown_id: string;
  readonly event_type: string;
  readonly source: string | null;
  readonly format: number;
  readonly received_at: Date;
  readonly occurred_at: Date;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly payload: string;
}

const formats = ["native", "segment", "cloudevents"] as const;
const minuteUs = 60_000_000;
const lowestId = "00000000-0000-0000-0000-000000000000";

export const eventColumns = `
  event_id, service_id, (extract(epoch from occurred_at) * 1000000)::bigint as occurred_us,
  coalesce(event_ref, event_id::text) as shown_id, event_type, format, received_at, occurred_at,
  user_key, product_key, payload,
  (select name from auth.services where id = service_id) as source`;

/**
 * Scans intervals, newest first, in slices of time: small at first and wider while they are fast, so
 * that a rare filter cannot spend the whole time limit in one statement without a result.
 */
export async function scanEvents(
  scan: Scan,
  search: {
    intervals: Iterable<Interval>;
    filter: EventFilter;
    after: EventKey | undefined;
    limit: number;
  },
): Promise<ScanResult> {
  const { filter, after, limit } = search;
  const found: FoundEvent[] = [];
  let width = minuteUs;
  let moved = false;
  for (const interval of search.intervals) {
    let high = Math.min(interval.to, after === undefined ? Infinity : after.occurredUs + 1);
    while (high > interval.from) {
      const low = Math.max(interval.from, high - width);
      const started = scan.clock();
      const rows =
        scan.remainingMs() <= 0
          ? undefined
          : await readSlice(scan, { low, high, filter, after, limit: limit + 1 - found.length });
      if (rows === undefined) {
        if (!moved) throw tooSlow();
        const next = { occurredUs: high, eventId: lowestId, serviceId: 0 };
        return { found, next, complete: false };
      }
      found.push(...rows);
      if (found.length > limit) {
        found.length = limit;
        return { found, next: found.at(-1)?.key, complete: true };
      }
      width = nextWidth(width, scan.clock() - started, scan.remainingMs());
      high = low;
      moved = true;
    }
  }
  return { found, next: undefined, complete: true };
}

function nextWidth(width: number, tookMs: number, remainingMs: number): number {
  if (tookMs < Math.min(50, remainingMs / 16)) return width * 4;
  if (tookMs < Math.min(200, remainingMs / 4)) return width * 2;
  return tookMs > remainingMs / 2 ? Math.max(minuteUs, width / 4) : width;
}

function tooSlow(): WeirError {
  return new WeirError("query_timeout", {
    detail: "not even one minute of events could be searched in time; use a shorter range",
  });
}

/** @returns undefined when the time limit was reached */
async function readSlice(
  scan: Scan,
  slice: {
    low: number;
    high: number;
    filter: EventFilter;
    after: EventKey | undefined;
    limit: number;
  },
): Promise<FoundEvent[] | undefined> {
  const { filter, after } = slice;
  const values: unknown[] = [];
  const next = (value: unknown) => `$${values.push(value)}`;
  const at = (us: number) =>
    `(timestamptz 'epoch' + ${next(us)}::bigint * interval '1 microsecond')`;
  const conditions = [
    `occurred_at >= ${at(slice.low)}`,
    `occurred_at < ${at(slice.high)}`,
    `received_at >= (select etl.received_since(${at(slice.low)}))`,
  ];
  if (after !== undefined) {
    conditions.push(
      `(occurred_at, event_id, service_id) <
        (${at(after.occurredUs)}, ${next(after.eventId)}::uuid, ${next(after.serviceId)}::int)`,
    );
  }
  for (const [column, value] of [
    ["event_type", filter.eventType],
    ["user_key", filter.userKey],
  ]) {
    if (value !== undefined) conditions.push(`${column} = ${next(value)}`);
  }
  if (filter.source !== undefined) {
    conditions.push(
      `service_id = (select id from auth.services where name = ${next(filter.source)})`,
    );
  }
  if (filter.productKey !== undefined) {
    const key = next(filter.productKey);
    conditions.push(`(product_key = ${key} or (items is not null and exists (
      select from json_array_elements(items) item where item ->> 'id' = ${key})))`);
  }
  for (const { path, value } of filter.properties ?? []) {
    conditions.push(`${valueAt(`${next(path)}::text[]`)} = ${next(value)}`);
  }
  try {
    const rows = await scan.query<EventRow>({
      text: `
        select ${eventColumns} from raw.events
        where ${conditions.join(" and ")}
        order by occurred_at desc, event_id desc, service_id desc limit ${next(slice.limit)}`,
      values,
    });
    return rows.map(foundEvent);
  } catch (error) {
    if (ranOutOfTime(error)) return undefined;
    throw error;
  }
}

export function foundEvent(row: EventRow): FoundEvent {
  return {
    key: {
      occurredUs: Number(row.occurred_us),
      eventId: row.event_id,
      serviceId: row.service_id,
    },
    event: {
      event_id: row.shown_id,
      event_type: row.event_type,
      source: row.source ?? "",
      format: formats[row.format] ?? "native",
      received_at: row.received_at.toISOString(),
      occurred_at: row.occurred_at.toISOString(),
      user_id: row.user_key,
      product_id: row.product_key,
      payload: JSON.parse(row.payload),
    },
  };
}

/**
 * The raw log for live feeds. Their positions are kept by clients and by the process, not in the register:
 * they reach back minutes, where retention keeps days.
 */
import type { Queryable, QueryOptions } from "../../core/ports/database.ts";
import type { LiveEvent, LiveLog, LiveRange, LogInstant } from "../../core/ports/live-log.ts";
import { formatPosition, type Position, parsePosition } from "../../core/position.ts";

/** How far before the instant of a position its events can have been received; reading a day more costs nothing. */
const lookBackMs = 24 * 60 * 60 * 1000;

interface InstantRow {
  readonly position: string;
  readonly at: string;
  readonly incarnation: string;
  readonly written: string;
  readonly flushed: string;
}

interface EventRow extends InstantRow {
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

/**
 * Of the snapshot `seen`, which is older than `written`: whatever it shows as ended has written its end before.
 * `at` in milliseconds of trusted time, so that no cursor is too old because a clock stepped.
 */
const instant = `trunc(extract(epoch from clock.trusted()) * 1000)::text as at, log.incarnation() as incarnation,
    (pg_current_wal_insert_lsn() - '0/0')::text as written, (pg_current_wal_flush_lsn() - '0/0')::text as flushed`;

/**
 * Partitions: from `$3`, a closed day that was written to, or the first open day,
 * whichever is earliest (see log.close_days).
 */
const range = `s as materialized (
  select coalesce($2::pg_snapshot, pg_current_snapshot()) as seen, ${instant},
    log.since($1::pg_snapshot, least($3::timestamptz, (select since from log.open_days))) as since
)`;

/** The message makes PostgreSQL write everything before it to disk, which is what settles the position. */
const nowStatement = `
with i as materialized (select pg_current_snapshot()::text as position, ${instant})
select i.*, pg_logical_emit_message(false, 'weir', '', true) from i`;

/** $1 from, $2 to or null, $3 look-back, $4-$6 the last event before or null, $7 limit. */
const readStatement = `
with ${range}
select s.seen::text as position, s.at, s.incarnation, s.written, s.flushed,
  d.xid::text as xid, d.event_id::text as event_id, d.service_id, d.event_type,
  services.name as source,
  (array['native', 'segment', 'cloudevents'])[d.format + 1] as format,
  to_char(d.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at,
  to_char(d.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as occurred_at,
  d.user_key, d.product_key, d.event_ref, d.payload
from s left join lateral (
  select n.* from log.unread($1::pg_snapshot, s.seen, s.since, null) n
  where ($4::xid8 is null or (n.xid, n.event_id, n.service_id) > ($4::xid8, $5::uuid, $6::int))
  order by n.xid, n.event_id, n.service_id
  limit $7
) d on true
left join auth.services on services.id = d.service_id
order by d.xid, d.event_id, d.service_id`;

/** As above, but $4 is the end of the range that `$5-$7` were the last of, and $8 the limit. */
const countStatement = `
with ${range}
select count(*)::int as events from (
  select from s cross join lateral log.unread($1::pg_snapshot, s.seen, s.since, null) n
  where $4::pg_snapshot is null or not pg_visible_in_snapshot(n.xid, $4::pg_snapshot)
    or (n.xid, n.event_id, n.service_id) > ($5::xid8, $6::uuid, $7::int)
  limit $8
) unread`;

/** @param database sessions of it say `set enable_seqscan = off`: a plan made on an empty day outlives it */
export function createLiveLog(database: Queryable): LiveLog {
  return {
    async now(options) {
      const [row] = await database.query<InstantRow>(
        { name: "log_now_live", text: nowStatement },
        options,
      );
      const moment = instantOf(row);
      return { ...moment, flushed: moment.written, position: readPosition(row) };
    },
    async survived(incarnation, settled, options) {
      const [row] = await database.query<{ survived: boolean }>(
        {
          text: "select log.survived($1, '0/0'::pg_lsn + $2::numeric) as survived",
          values: [incarnation, settled.toString()],
        },
        options,
      );
      return row?.survived === true;
    },
    async read(about, options) {
      const rows = await database.query<EventRow>(
        {
          name: "log_read_live",
          text: readStatement,
          values: [
            formatPosition(about.from),
            about.to === undefined ? null : formatPosition(about.to),
            new Date(about.at - lookBackMs),
            ...placeOf(about),
            options.limit,
          ],
        },
        options,
      );
      const [first] = rows;
      const to = about.to ?? readPosition(first);
      const events = first?.xid == null ? [] : rows.map(toLiveEvent);
      return { ...instantOf(first), to, events, more: events.length >= options.limit };
    },
    async count(about, options: QueryOptions & { readonly atMost: number }) {
      const [row] = await database.query<{ events: number }>(
        {
          name: "log_count_live",
          text: countStatement,
          values: [
            formatPosition(about.from),
            about.to === undefined ? null : formatPosition(about.to),
            new Date(about.at - lookBackMs),
            about.done === undefined ? null : formatPosition(about.done.to),
            ...placeOf({ after: about.done?.after }),
            options.atMost,
          ],
        },
        options,
      );
      return row?.events ?? 0;
    },
  };
}

function placeOf({ after }: Pick<LiveRange, "after">) {
  return [after?.xid.toString() ?? null, after?.eventId ?? null, after?.serviceId ?? null];
}

function instantOf(row: InstantRow | undefined): LogInstant {
  if (row === undefined) throw new Error("PostgreSQL returned no snapshot.");
  const { at, incarnation, written, flushed } = row;
  return { at: Number(at), incarnation, written: BigInt(written), flushed: BigInt(flushed) };
}

function readPosition(row: InstantRow | undefined): Position {
  const position = row === undefined ? undefined : parsePosition(row.position);
  if (position === undefined) throw new Error("PostgreSQL returned no snapshot.");
  return position;
}

function toLiveEvent(row: EventRow): LiveEvent {
  return {
    xid: BigInt(row.xid ?? 0),
    eventId: row.event_id,
    serviceId: row.service_id,
    eventRef: row.event_ref,
    eventType: row.event_type,
    source: row.source,
    format: row.format,
    receivedAt: row.received_at,
    occurredAt: row.occurred_at,
    userKey: row.user_key,
    productKey: row.product_key,
    payload: row.payload,
  };
}

import type { Database, Queryable } from "../../foundation/database.ts";
import type { Destination } from "../order-messages.ts";

export interface OutboxRow {
  readonly id: string;
  readonly orderId: string;
  readonly payload: unknown;
  readonly attempts: number;
}

/**
 * Locks messages that are due, oldest first: of each order only the first that is not sent, so that a
 * message never overtakes an earlier one of its order. Messages that another publisher has locked are left out.
 */
export async function takeDue(
  connection: Queryable,
  { destination, limit }: { readonly destination: Destination; readonly limit: number },
): Promise<readonly OutboxRow[]> {
  const rows = await connection.query<{
    readonly id: string;
    readonly order_id: string;
    readonly payload: string;
    readonly attempts: number;
  }>(
    `select id, order_id, payload, attempts from outbox o
     where destination = $1 and sent_at is null and failed_at is null
       and next_attempt_at <= clock_timestamp()
       and not exists (
         select from outbox e
         where e.destination = o.destination and e.order_id = o.order_id and e.id < o.id
           and e.sent_at is null and e.failed_at is null)
     order by id limit $2 for update skip locked`,
    [destination, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    orderId: row.order_id,
    payload: JSON.parse(row.payload),
    attempts: row.attempts,
  }));
}

export async function markSent(connection: Queryable, ids: readonly string[]): Promise<void> {
  await connection.query(
    "update outbox set sent_at = clock_timestamp(), attempts = attempts + 1, error = null where id = any ($1)",
    [ids],
  );
}

/** Each is tried again after its pause. */
export async function postpone(
  connection: Queryable,
  {
    rows,
    error,
  }: {
    readonly rows: readonly { readonly id: string; readonly pauseMs: number }[];
    readonly error: string;
  },
): Promise<void> {
  await connection.query(
    `update outbox o set attempts = attempts + 1, error = $3,
       next_attempt_at = clock_timestamp() + r.pause * interval '1 millisecond'
     from unnest($1::bigint[], $2::float8[]) as r (id, pause) where o.id = r.id`,
    [rows.map(({ id }) => id), rows.map(({ pauseMs }) => pauseMs), error.slice(0, 1_000)],
  );
}

/** The receiver will never accept it. The row is kept for an operator, and later ones of its order are sent. */
export async function markFailed(
  connection: Queryable,
  { id, error }: { readonly id: string; readonly error: string },
): Promise<void> {
  await connection.query(
    "update outbox set failed_at = clock_timestamp(), attempts = attempts + 1, error = $2 where id = $1",
    [id, error.slice(0, 1_000)],
  );
}

/** The bus gets the messages since then again, unchanged; returns their number. */
export async function replaySince(connection: Queryable, since: string): Promise<number> {
  const rows = await connection.query(
    `update outbox set sent_at = null, next_attempt_at = clock_timestamp()
     where destination = 'bus' and sent_at is not null and created_at >= $1::timestamptz
     returning id`,
    [since],
  );
  return rows.length;
}

/** Removes messages that were sent before `keepMs`; returns their number. */
export async function removeSent(
  connection: Queryable,
  { keepMs, limit }: { readonly keepMs: number; readonly limit: number },
): Promise<number> {
  const removed = await connection.query(
    `delete from outbox where id in (
       select id from outbox where sent_at < clock_timestamp() - $1 * interval '1 millisecond'
       order by sent_at limit $2 for update skip locked)
     returning id`,
    [keepMs, limit],
  );
  return removed.length;
}

export interface OutboxState {
  readonly destination: Destination;
  readonly waiting: number;
  readonly failed: number;
  /** Of the oldest that waits. */
  readonly age_seconds: number;
}

export async function outboxState(database: Database): Promise<readonly OutboxState[]> {
  return database.query<OutboxState>(
    `select destination, count(*) filter (where failed_at is null)::int as waiting,
       count(*) filter (where failed_at is not null)::int as failed,
       coalesce(extract(epoch from clock_timestamp() - min(created_at) filter (where failed_at is null)), 0)::float8
         as age_seconds
     from outbox where sent_at is null group by destination order by destination`,
  );
}

/** Reads and writes checkouts in progress. */
import type { Database, Queryable } from "../../foundation/database.ts";
import {
  type Answer,
  type Checkout,
  type CheckoutRow,
  checkoutColumns,
  checkoutOf,
  type Step,
} from "./checkout.ts";

/** Another process took the checkout, because this one was silent for longer than its lease. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

export interface StepChange {
  readonly step: Step;
  readonly reason?: string;
  readonly reservationExpiresAt?: Date;
  readonly answer?: Answer;
}

/**
 * Stores the next step and renews the lease. Throws a LeaseLostError if another process has the checkout,
 * which rolls back whatever else the transaction did.
 */
export async function storeStep(
  connection: Queryable,
  checkout: Checkout,
  { leaseMs, ...change }: StepChange & { readonly leaseMs: number },
): Promise<Checkout> {
  const [row] = await connection.query<CheckoutRow>(
    `update checkouts set step = $4, reason = coalesce($5, reason), failures = 0,
       reservation_expires_at = coalesce($6, reservation_expires_at),
       answer_status = coalesce($7, answer_status), answer_body = coalesce($8::json, answer_body),
       lease_until = clock_timestamp() + $9 * interval '1 millisecond'
     where order_id = $1 and run = $2 and step = $3
     returning ${checkoutColumns}`,
    [
      checkout.orderId,
      checkout.run,
      checkout.step,
      change.step,
      change.reason ?? null,
      change.reservationExpiresAt ?? null,
      change.answer?.status ?? null,
      change.answer === undefined ? null : JSON.stringify(change.answer.body),
      leaseMs,
    ],
  );
  if (row === undefined) throw leaseLost(checkout);
  return checkoutOf(row);
}

/**
 * Holds the checkout until the transaction ends, so that what the transaction does to its order happens only
 * while this run has it. Throws a LeaseLostError.
 */
export async function holdCheckout(connection: Queryable, checkout: Checkout): Promise<void> {
  const held = await connection.query(
    "select from checkouts where order_id = $1 and run = $2 and step = $3 for update",
    [checkout.orderId, checkout.run, checkout.step],
  );
  if (held.length === 0) throw leaseLost(checkout);
}

function leaseLost({ orderId }: Checkout): LeaseLostError {
  return new LeaseLostError(`Checkout ${orderId} has another owner.`);
}

/**
 * Ends a checkout of which no order exists: its key and its cart are free at once, and what it may have
 * reserved is released.
 */
export async function abandonCheckout(connection: Queryable, checkout: Checkout): Promise<void> {
  await connection.query(
    `update checkouts set step = 'releasing', reason = 'abandoned', idempotency_key = null,
       lease_until = clock_timestamp()
     where order_id = $1 and run = $2 and step = 'reserving'`,
    [checkout.orderId, checkout.run],
  );
}

/** An abandoned checkout leaves nothing behind; any other is kept until its key expires. */
export async function endReleasing(connection: Queryable, checkout: Checkout): Promise<void> {
  const values = [checkout.orderId, checkout.run];
  await connection.query(
    "delete from checkouts where order_id = $1 and run = $2 and step = 'releasing' and answer_status is null",
    values,
  );
  await connection.query(
    "update checkouts set step = 'done' where order_id = $1 and run = $2 and step = 'releasing'",
    values,
  );
}

/** Lets another run continue after `delayMs`: at once for the client that asks again, later for the sweep. */
export async function giveBack(
  connection: Queryable,
  checkout: Checkout,
  delayMs: number,
): Promise<void> {
  await connection.query(
    `update checkouts set failures = failures + 1,
       lease_until = clock_timestamp() + $3 * interval '1 millisecond'
     where order_id = $1 and run = $2`,
    [checkout.orderId, checkout.run, delayMs],
  );
}

/** Takes checkouts that no process works on any more, the longest abandoned first. */
export async function claimSilent(
  database: Database,
  {
    limit,
    leaseMs,
    except,
  }: {
    readonly limit: number;
    readonly leaseMs: number;
    /** Orders that this process works on: it is slow, but not silent. */
    readonly except: readonly string[];
  },
): Promise<readonly Checkout[]> {
  const rows = await database.query<CheckoutRow>(
    `update checkouts set run = run + 1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
     where order_id in (
       select order_id from checkouts where step <> 'done' and lease_until <= clock_timestamp()
         and order_id <> all ($3::uuid[])
       order by lease_until limit $1 for update skip locked)
     returning ${checkoutColumns}`,
    [limit, leaseMs, except],
  );
  return rows.map(checkoutOf);
}

/** Removes checkouts whose key has expired; returns their number. */
export async function removeExpired(connection: Queryable, limit: number): Promise<number> {
  const removed = await connection.query(
    `delete from checkouts where order_id in (
       select order_id from checkouts where step = 'done' and expires_at < now()
       limit $1 for update skip locked)
     returning order_id`,
    [limit],
  );
  return removed.length;
}

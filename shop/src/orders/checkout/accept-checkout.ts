/** Accepts a checkout once for each Idempotency-Key, and finds the one that exists for a repeated request. */
import { createHash } from "node:crypto";
import type { Database, Queryable } from "../../foundation/database.ts";
import type { CartItem } from "../carts/carts.ts";
import { readCart } from "../carts/carts.ts";
import {
  type Answer,
  type Checkout,
  type CheckoutRequest,
  type CheckoutRow,
  checkoutColumns,
  checkoutOf,
} from "./checkout.ts";

export type Accepted =
  /** This process runs the checkout now. */
  | { readonly kind: "claimed"; readonly checkout: Checkout }
  /** It was answered before. */
  | { readonly kind: "answered"; readonly answer: Answer }
  /** Another request or process runs it. */
  | { readonly kind: "running" }
  /** The key belongs to another body. */
  | { readonly kind: "key_reused" }
  | { readonly kind: "cart_not_found" }
  | { readonly kind: "cart_empty" }
  /** Another checkout of this cart runs. */
  | { readonly kind: "cart_in_checkout" };

export interface AcceptOptions {
  readonly key: string;
  readonly request: CheckoutRequest;
  /** How long the process may be silent before another one continues. */
  readonly leaseMs: number;
  /** How long the key is remembered. */
  readonly keyLifeMs: number;
  /** Whether this process works on the order: it is slow, but not silent. */
  readonly isRunningHere: (orderId: string) => boolean;
}

interface FoundRow extends CheckoutRow {
  readonly body_hash: Buffer;
  readonly leased: boolean;
}

export async function acceptCheckout(
  database: Database,
  options: AcceptOptions,
): Promise<Accepted> {
  const hash = bodyHash(options.request);
  return database.transaction(async (connection) => {
    const existing = await findByKey(connection, options, hash);
    if (existing !== undefined) return existing;
    const { cart_id } = options.request;
    // the lock makes the next two statements see the result of a checkout that held it
    await connection.query("select from carts where id = $1 for update", [cart_id]);
    const cart = await readCart(connection, cart_id);
    const meanwhile = await findByKey(connection, options, hash);
    if (meanwhile !== undefined) return meanwhile;
    if (cart === undefined) return { kind: "cart_not_found" };
    if (cart.items.length === 0) return { kind: "cart_empty" };
    return insertCheckout(connection, { ...options, hash, items: cart.items });
  });
}

async function findByKey(
  connection: Queryable,
  { key, request, leaseMs, isRunningHere }: AcceptOptions,
  hash: Buffer,
): Promise<Accepted | undefined> {
  const [row] = await connection.query<FoundRow>(
    `select ${checkoutColumns}, body_hash, lease_until > clock_timestamp() as leased
     from checkouts where user_id = $1 and idempotency_key = $2 for update`,
    [request.user_id, key],
  );
  if (row === undefined) return undefined;
  if (!row.body_hash.equals(hash)) return { kind: "key_reused" };
  const { answer } = checkoutOf(row);
  if (answer !== undefined) return { kind: "answered", answer };
  if (row.leased || isRunningHere(row.order_id)) return { kind: "running" };
  const [claimed] = await connection.query<CheckoutRow>(
    `update checkouts set run = run + 1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
     where order_id = $1 returning ${checkoutColumns}`,
    [row.order_id, leaseMs],
  );
  return claimed && { kind: "claimed", checkout: checkoutOf(claimed) };
}

async function insertCheckout(
  connection: Queryable,
  about: AcceptOptions & { readonly hash: Buffer; readonly items: readonly CartItem[] },
): Promise<Accepted> {
  const { request } = about;
  const [row] = await connection.query<CheckoutRow>(
    `insert into checkouts (user_id, idempotency_key, body_hash, request, items, cart_id, step, lease_until,
       expires_at)
     values ($1, $2, $3, $4, $5, $6, 'reserving', clock_timestamp() + $7 * interval '1 millisecond',
       clock_timestamp() + $8 * interval '1 millisecond')
     on conflict do nothing
     returning ${checkoutColumns}`,
    [
      request.user_id,
      about.key,
      about.hash,
      JSON.stringify(request),
      JSON.stringify(about.items),
      request.cart_id,
      about.leaseMs,
      about.keyLifeMs,
    ],
  );
  if (row !== undefined) return { kind: "claimed", checkout: checkoutOf(row) };
  // the conflict is of the cart, or of the same key sent with another cart at the same time
  return (await findByKey(connection, about, about.hash)) ?? { kind: "cart_in_checkout" };
}

/** Of the meaning: the order of members does not count. */
function bodyHash(request: CheckoutRequest): Buffer {
  return createHash("sha256").update(canonical(request)).digest();
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

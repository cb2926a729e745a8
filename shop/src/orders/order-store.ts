/** Orders change here and nowhere else: state, history and messages in one transaction. */
import type { Database, Queryable } from "../foundation/database.ts";
import { type Order, type OrderItem, readOrder, type Shopper, type StoredOrder } from "./order.ts";
import { messagesOf } from "./order-messages.ts";
import {
  allowedActions,
  allowedTransitions,
  type OrderAction,
  type OrderState,
  targetOf,
} from "./order-states.ts";

export interface NewOrder extends Shopper {
  readonly id: string;
  readonly email: string;
  readonly language: "en" | "tr";
  readonly items: readonly OrderItem[];
  readonly total: string;
  readonly currency: string;
  readonly at: Date;
}

/** Inserts an order in state `created`. */
export async function insertOrder(connection: Queryable, order: NewOrder): Promise<StoredOrder> {
  await connection.query(
    `insert into orders (id, user_id, anonymous_id, session_id, email, language, state, total, currency,
       created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, 'created', $7, $8, $9, $9)`,
    [
      order.id,
      order.user_id,
      order.anonymous_id,
      order.session_id,
      order.email,
      order.language,
      order.total,
      order.currency,
      order.at,
    ],
  );
  await connection.query(
    `insert into order_items (order_id, position, product_id, name, category, quantity, price)
     select $1, item.position, item.product_id, item.name, item.category, item.quantity, item.price
     from rows from (json_to_recordset($2::json) as
       (product_id text, name text, category text, quantity integer, price numeric))
       with ordinality as item (product_id, name, category, quantity, price, position)`,
    [order.id, JSON.stringify(order.items)],
  );
  return finishTransition(connection, { id: order.id, state: "created", at: order.at });
}

export interface Transition {
  readonly id: string;
  readonly from: OrderState;
  readonly to: OrderState;
  readonly reason?: string;
  readonly at: Date;
}

/**
 * Moves an order from one state to another, once: undefined if it is not in `from` (any more). The lock of
 * the update holds concurrent transitions until this one is committed.
 */
export async function moveOrder(
  connection: Queryable,
  { id, from, to, reason, at }: Transition,
): Promise<StoredOrder | undefined> {
  if (!allowedTransitions[from].includes(to)) {
    throw new Error(`The table of transitions has no ${from} -> ${to}.`);
  }
  const moved = await connection.query(
    "update orders set state = $3, updated_at = greatest($4, updated_at) where id = $1 and state = $2 returning id",
    [id, from, to, at],
  );
  if (moved.length === 0) return undefined;
  return finishTransition(connection, {
    id,
    state: to,
    at,
    ...(reason === undefined ? {} : { reason }),
  });
}

async function finishTransition(
  connection: Queryable,
  change: {
    readonly id: string;
    readonly state: OrderState;
    readonly reason?: string;
    readonly at: Date;
  },
): Promise<StoredOrder> {
  await connection.query(
    `insert into order_history (order_id, number, state, reason, at)
     select $1, coalesce(max(number), 0) + 1, $2, $3, greatest($4, max(at))
     from order_history where order_id = $1`,
    [change.id, change.state, change.reason ?? null, change.at],
  );
  const stored = await readOrder(connection, change.id);
  if (stored === undefined) throw new Error(`Order ${change.id} has vanished.`);
  const messages = messagesOf(stored);
  await connection.query(
    `insert into outbox (destination, order_id, payload)
     select destination, $1, payload
     from unnest($2::text[], $3::text[]) with ordinality as m (destination, payload, position)
     order by position`,
    [
      change.id,
      messages.map(({ destination }) => destination),
      messages.map(({ payload }) => JSON.stringify(payload)),
    ],
  );
  return stored;
}

export type ActionResult =
  | { readonly kind: "done"; readonly order: Order }
  | { readonly kind: "not_found" }
  | {
      readonly kind: "not_allowed";
      readonly state: OrderState;
      readonly allowed: readonly OrderAction[];
    };

/**
 * Takes an action on an order. Of concurrent actions one has an effect; one that asks for the state that the
 * order is already in is answered with the order and changes nothing.
 */
export async function actOnOrder(
  database: Database,
  { id, action, at }: { readonly id: string; readonly action: OrderAction; readonly at: Date },
): Promise<ActionResult> {
  return database.transaction(async (connection) => {
    const [row] = await connection.query<{ state: OrderState }>(
      "select state from orders where id = $1 for update",
      [id],
    );
    if (row === undefined) return { kind: "not_found" };
    const allowed = allowedActions(row.state);
    if (!allowed.includes(action)) {
      const found = row.state === targetOf[action] ? await readOrder(connection, id) : undefined;
      return found === undefined
        ? { kind: "not_allowed", state: row.state, allowed }
        : { kind: "done", order: found.order };
    }
    const moved = await moveOrder(connection, {
      id,
      from: row.state,
      to: targetOf[action],
      at,
      ...(action === "cancel" ? { reason: "requested" } : {}),
    });
    if (moved === undefined) throw new Error(`Order ${id} changed under its lock.`);
    return { kind: "done", order: moved.order };
  });
}

/** An order as the interface shows it, and its rows. */
import type { Queryable } from "../foundation/database.ts";
import type { OrderState } from "./order-states.ts";

export interface OrderItem {
  readonly product_id: string;
  readonly name: string;
  readonly category: string;
  readonly quantity: number;
  /** Of one piece: a decimal. */
  readonly price: string;
}

export interface HistoryEntry {
  readonly state: OrderState;
  /** RFC 3339. */
  readonly at: string;
  /** Why an order was cancelled. */
  readonly reason?: string;
}

export interface Order {
  readonly id: string;
  readonly user_id: string;
  readonly email: string;
  readonly language: "en" | "tr";
  readonly state: OrderState;
  readonly items: readonly OrderItem[];
  readonly total: string;
  readonly currency: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
}

/** Who the shopper is for Weir: the ids that the shopper's own events have. */
export interface Shopper {
  readonly user_id: string;
  readonly anonymous_id: string | null;
  readonly session_id: string | null;
}

export interface StoredOrder {
  readonly order: Order;
  readonly shopper: Shopper;
}

interface OrderRow extends Omit<Order, "created_at" | "updated_at" | "history" | "items"> {
  readonly anonymous_id: string | null;
  readonly session_id: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly items: readonly OrderItem[];
  readonly history: readonly {
    readonly state: OrderState;
    readonly reason: string | null;
    readonly at: string;
  }[];
}

const columns = `o.id, o.user_id, o.anonymous_id, o.session_id, o.email, o.language, o.state,
  o.total::text, o.currency, o.created_at, o.updated_at,
  (select json_agg(json_build_object('product_id', product_id, 'name', name, 'category', category,
     'quantity', quantity, 'price', price::text) order by position)
   from order_items where order_id = o.id) as items,
  (select json_agg(json_build_object('state', state, 'reason', reason, 'at', at) order by number)
   from order_history where order_id = o.id) as history`;

export async function readOrder(
  connection: Queryable,
  id: string,
): Promise<StoredOrder | undefined> {
  const [row] = await connection.query<OrderRow>(
    `select ${columns} from orders o where o.id = $1`,
    [id],
  );
  return row && storedOrder(row);
}

/** The orders of a user, newest first, that are older than the order `after`. */
export async function listOrders(
  connection: Queryable,
  page: { readonly userId: string; readonly after: string | undefined; readonly limit: number },
): Promise<readonly Order[]> {
  const rows = await connection.query<OrderRow>(
    `select ${columns} from orders o
     where o.user_id = $1 and ($2::uuid is null or o.id < $2)
     order by o.id desc limit $3`,
    [page.userId, page.after ?? null, page.limit],
  );
  return rows.map((row) => storedOrder(row).order);
}

function storedOrder(row: OrderRow): StoredOrder {
  const { anonymous_id, session_id, created_at, updated_at, items, history, ...order } = row;
  return {
    order: {
      ...order,
      items,
      created_at: created_at.toISOString(),
      updated_at: updated_at.toISOString(),
      history: history.map(({ state, reason, at }) => ({
        state,
        at: new Date(at).toISOString(),
        ...(reason === null ? {} : { reason }),
      })),
    },
    shopper: { user_id: order.user_id, anonymous_id, session_id },
  };
}

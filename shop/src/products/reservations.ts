/**
 * Stock that is held for orders until it is bought, released or expired. No path sells a unit twice:
 * holds and stock change only under the locks of the products' rows, which every path acquires in the
 * order of their ids, after the lock of its own reservation. So there is neither oversell nor deadlock.
 *
 * Whether a hold counts is decided by its row. Time only says which rows may be removed: a reservation
 * that needs the stock removes expired holds itself, so a dead sweep delays nothing.
 */
import type { Database, Queryable } from "../foundation/database.ts";
import { Problem, problemKinds } from "../foundation/problems.ts";

export interface ReservationRequest {
  readonly order_id: string;
  readonly items: readonly RequestedItem[];
  readonly ttl_seconds: number;
}

export interface RequestedItem {
  readonly product_id: string;
  readonly quantity: number;
}

export interface ReservedItem extends RequestedItem {
  readonly name: string;
  readonly category: string;
  readonly price: string;
  readonly currency: string;
}

export interface Reservation {
  readonly order_id: string;
  readonly expires_at: string;
  readonly items: readonly ReservedItem[];
}

/** What can be bought of a product after a change, with the version of the change. */
export interface StockChange {
  readonly id: string;
  readonly version: number;
  readonly available: number;
}

export interface Outcome<T> {
  readonly result: T;
  /** Empty when the call was a repetition. */
  readonly changes: readonly StockChange[];
}

const outOfStock = { code: "out_of_stock", status: 409, title: "Out of stock" } as const;
const conflict = {
  code: "reservation_conflict",
  status: 409,
  title: "The order has another reservation",
} as const;
const expired = { code: "reservation_expired", status: 409, title: "Reservation expired" } as const;
const released = {
  code: "reservation_released",
  status: 409,
  title: "Reservation released",
} as const;

type State = "held" | "confirmed" | "released" | "expired";

interface ReservationRow {
  readonly state: State;
  readonly expires_at: Date;
  readonly is_over: boolean;
  readonly items: readonly ReservedItem[];
}

/**
 * Holds all items of an order, or none. Repeated for the same order it answers the same and holds nothing
 * more. Prices are those of the database at this moment.
 * @throws Problem `out_of_stock` with the items, `reservation_conflict`, `reservation_released`, `not_found`
 */
export async function reserve(
  database: Database,
  request: ReservationRequest,
): Promise<Outcome<Reservation>> {
  const items = combined(request.items);
  return database.transaction(async (connection) => {
    // a repetition that runs at the same time waits here for the first
    const inserted = await connection.query(
      `insert into reservations (order_id, state, expires_at, items) values ($1, 'held', now(), '[]')
       on conflict do nothing returning order_id`,
      [request.order_id],
    );
    if (inserted.length === 0) {
      const row = await lockReservation(connection, request.order_id);
      const repeated = await repetition(connection, { row, items, order_id: request.order_id });
      if (repeated !== undefined) return { result: repeated, changes: [] };
    }
    const ids = items.map(({ product_id }) => product_id);
    await lockProducts(connection, ids);
    await removeExpiredHolds(connection, ids);
    // of an earlier reservation of this order, which expired
    await connection.query("delete from holds where order_id = $1", [request.order_id]);
    const reserved = await takeFromStock(connection, items);
    const [row] = await connection.query<{ readonly expires_at: Date }>(
      `update reservations set state = 'held', items = $2, updated_at = now(),
         expires_at = clock_timestamp() + make_interval(secs => $3)
       where order_id = $1 returning expires_at`,
      [request.order_id, JSON.stringify(reserved), request.ttl_seconds],
    );
    await connection.query(
      `insert into holds (product_id, order_id, quantity, expires_at)
       select item.product_id, $1, item.quantity, $3
       from jsonb_to_recordset($2) as item (product_id text, quantity int)`,
      [request.order_id, JSON.stringify(items), row?.expires_at],
    );
    const changes = await raiseVersions(connection, ids);
    const expires_at = row?.expires_at.toISOString() ?? "";
    return { result: { order_id: request.order_id, expires_at, items: reserved }, changes };
  });
}

/**
 * Takes what is held out of the stock, for good. After the expiry it succeeds while the stock is still
 * there. Idempotent. @throws Problem `not_found`, `reservation_expired`, `reservation_released`
 */
export async function confirm(
  database: Database,
  orderId: string,
): Promise<Outcome<{ readonly order_id: string; readonly state: "confirmed" }>> {
  const result = { order_id: orderId, state: "confirmed" } as const;
  return database.transaction(async (connection) => {
    const row = await lockReservation(connection, orderId);
    if (row === undefined) {
      throw new Problem(problemKinds.not_found, `There is no reservation of the order ${orderId}.`);
    }
    if (row.state === "confirmed") return { result, changes: [] };
    if (row.state === "released") throw new Problem(released, "The reservation was released.");
    const ids = row.items.map(({ product_id }) => product_id);
    await lockProducts(connection, ids);
    await removeExpiredHolds(connection, ids);
    // if another order removed the holds of this one, its items have to be there still
    const short = await shortages(connection, row.items, orderId);
    if (short.length > 0) {
      throw new Problem(expired, "The reservation expired, and its stock is sold.", {
        items: short,
      });
    }
    await connection.query("delete from holds where order_id = $1", [orderId]);
    await connection.query(
      `update products p set stock = p.stock - item.quantity
       from jsonb_to_recordset($1) as item (product_id text, quantity int)
       where p.id = item.product_id`,
      [JSON.stringify(row.items)],
    );
    await setState(connection, orderId, "confirmed");
    return { result, changes: await raiseVersions(connection, ids) };
  });
}

/**
 * Gives back what an order holds or, when it was confirmed, has taken. Idempotent; afterwards nothing can
 * be held for this order, so a reservation that arrives late is refused.
 */
export async function release(
  database: Database,
  orderId: string,
): Promise<Outcome<{ readonly order_id: string; readonly state: "released" }>> {
  const result = { order_id: orderId, state: "released" } as const;
  return database.transaction(async (connection) => {
    const inserted = await connection.query(
      `insert into reservations (order_id, state, expires_at, items) values ($1, 'released', now(), '[]')
       on conflict do nothing returning order_id`,
      [orderId],
    );
    const row = inserted.length === 0 ? await lockReservation(connection, orderId) : undefined;
    if (row === undefined || row.state === "released") return { result, changes: [] };
    const ids = row.items.map(({ product_id }) => product_id);
    await lockProducts(connection, ids);
    await connection.query("delete from holds where order_id = $1", [orderId]);
    if (row.state === "confirmed") {
      await connection.query(
        `update products p set stock = p.stock + item.quantity
         from jsonb_to_recordset($1) as item (product_id text, quantity int)
         where p.id = item.product_id`,
        [JSON.stringify(row.items)],
      );
    }
    await setState(connection, orderId, "released");
    return { result, changes: await raiseVersions(connection, ids) };
  });
}

/** Removes expired holds, at most `limit` orders; several processes may do it at once. */
export async function expireReservations(
  database: Database,
  limit: number,
): Promise<Outcome<number>> {
  return database.transaction(async (connection) => {
    const rows = await connection.query<{ order_id: string; items: readonly ReservedItem[] }>(
      `select order_id, items from reservations
       where state = 'held' and expires_at <= clock_timestamp()
       order by expires_at limit $1 for update skip locked`,
      [limit],
    );
    if (rows.length === 0) return { result: 0, changes: [] };
    const orders = rows.map(({ order_id }) => order_id);
    const ids = rows.flatMap(({ items }) => items.map(({ product_id }) => product_id));
    await lockProducts(connection, ids);
    await connection.query("delete from holds where order_id = any($1)", [orders]);
    await connection.query(
      "update reservations set state = 'expired', updated_at = now() where order_id = any($1)",
      [orders],
    );
    return { result: rows.length, changes: await raiseVersions(connection, [...new Set(ids)]) };
  });
}

async function lockReservation(
  connection: Queryable,
  orderId: string,
): Promise<ReservationRow | undefined> {
  const [row] = await connection.query<ReservationRow>(
    `select state, expires_at, expires_at <= clock_timestamp() as is_over, items
     from reservations where order_id = $1 for update`,
    [orderId],
  );
  return row;
}

/** The answer of a repetition; undefined when the order has to be reserved again. */
async function repetition(
  connection: Queryable,
  again: {
    readonly row: ReservationRow | undefined;
    readonly items: readonly RequestedItem[];
    readonly order_id: string;
  },
): Promise<Reservation | undefined> {
  const { row, items, order_id } = again;
  if (row === undefined) return undefined;
  if (row.state === "released") {
    throw new Problem(released, "The order was released; it cannot reserve again.");
  }
  if (JSON.stringify(row.items.map(requested)) !== JSON.stringify(items)) {
    throw new Problem(conflict, "The order has a reservation of other items.");
  }
  if (row.state === "expired") return undefined;
  if (row.state === "held") {
    const holds = await connection.query("select from holds where order_id = $1", [order_id]);
    if (row.is_over || holds.length < items.length) return undefined;
  }
  return { order_id, expires_at: row.expires_at.toISOString(), items: row.items };
}

/** Locks in the order of ids: two orders with the same products never wait for each other. */
async function lockProducts(connection: Queryable, ids: readonly string[]): Promise<void> {
  await connection.query("select from products where id = any($1) order by id for no key update", [
    ids,
  ]);
}

/** Only under the locks of the products. */
async function removeExpiredHolds(connection: Queryable, ids: readonly string[]): Promise<void> {
  await connection.query(
    "delete from holds where product_id = any($1) and expires_at <= clock_timestamp()",
    [ids],
  );
}

/** Products as they are now, after a check that all can be had. */
async function takeFromStock(
  connection: Queryable,
  items: readonly RequestedItem[],
): Promise<ReservedItem[]> {
  const ids = items.map(({ product_id }) => product_id);
  const rows = await connection.query<Omit<ReservedItem, "quantity">>(
    `select id as product_id, name, category, price, currency from products
     where id = any($1) and deleted_at is null`,
    [ids],
  );
  const products = new Map(rows.map((row) => [row.product_id, row]));
  const missing = ids.filter((id) => !products.has(id));
  if (missing.length > 0) {
    throw new Problem(problemKinds.not_found, `There is no product ${missing.join(", ")}.`, {
      items: missing.map((product_id) => ({ product_id, available: 0 })),
    });
  }
  const short = await shortages(connection, items, null);
  if (short.length > 0) {
    const named = short.map(({ product_id }) => product_id).join(", ");
    throw new Problem(outOfStock, `There is not enough of ${named}.`, { items: short });
  }
  return items.flatMap((item) => {
    const product = products.get(item.product_id);
    return product === undefined ? [] : [{ ...product, quantity: item.quantity }];
  });
}

interface Shortage extends RequestedItem {
  readonly available: number;
}

/** Items of which fewer are left than requested; holds of `orderId` count as free. */
async function shortages(
  connection: Queryable,
  items: readonly RequestedItem[],
  orderId: string | null,
): Promise<Shortage[]> {
  return connection.query<Shortage>(
    `select item.product_id, item.quantity, greatest(0, p.stock - held.quantity)::int as available
     from jsonb_to_recordset($1) as item (product_id text, quantity int)
     join products p on p.id = item.product_id
     cross join lateral (
       select coalesce(sum(h.quantity), 0) as quantity from holds h
       where h.product_id = p.id and h.order_id is distinct from $2
     ) held
     where item.quantity > p.stock - held.quantity
     order by item.product_id`,
    [JSON.stringify(items.map(requested)), orderId],
  );
}

async function raiseVersions(
  connection: Queryable,
  ids: readonly string[],
): Promise<StockChange[]> {
  const rows = await connection.query<{ id: string; version: string; available: number }>(
    `update products p set version = nextval('product_versions') where id = any($1)
     returning id, version, (p.stock - coalesce((
       select sum(h.quantity) from holds h where h.product_id = p.id), 0))::int as available`,
    [ids],
  );
  return rows.map((row) => ({ ...row, version: Number(row.version) }));
}

async function setState(connection: Queryable, orderId: string, state: State): Promise<void> {
  await connection.query(
    "update reservations set state = $2, updated_at = now() where order_id = $1",
    [orderId, state],
  );
}

function requested({ product_id, quantity }: RequestedItem): RequestedItem {
  return { product_id, quantity };
}

/** One item for each product, in the order of ids. */
function combined(items: readonly RequestedItem[]): RequestedItem[] {
  const quantities = new Map<string, number>();
  for (const { product_id, quantity } of items) {
    quantities.set(product_id, (quantities.get(product_id) ?? 0) + quantity);
  }
  return [...quantities]
    .map(([product_id, quantity]) => ({ product_id, quantity }))
    .sort((a, b) => (a.product_id < b.product_id ? -1 : 1));
}

/** Carts: what a shopper means to buy. They have no prices: these are taken from the products at the checkout. */
import type { Database, Queryable } from "../../foundation/database.ts";

export interface CartItem {
  readonly product_id: string;
  readonly quantity: number;
}

export interface Cart {
  readonly id: string;
  /** In the order in which they were added. */
  readonly items: readonly CartItem[];
}

export const maxQuantity = 999;
export const maxCartItems = 100;

export async function createCart(connection: Queryable): Promise<Cart> {
  const [row] = await connection.query<{ id: string }>(
    "insert into carts default values returning id",
  );
  if (row === undefined) throw new Error("The new cart has no id.");
  return { id: row.id, items: [] };
}

export async function readCart(connection: Queryable, id: string): Promise<Cart | undefined> {
  const [row] = await connection.query<Cart>(
    `select id, coalesce((
       select json_agg(json_build_object('product_id', product_id, 'quantity', quantity) order by added)
       from cart_items where cart_id = $1), '[]') as items
     from carts where id = $1`,
    [id],
  );
  return row;
}

/** Sets the quantity of a product; 0 removes it. `full`: the cart has no room for another product. */
export async function setCartItem(
  database: Database,
  {
    id,
    productId,
    quantity,
  }: { readonly id: string; readonly productId: string; readonly quantity: number },
): Promise<Cart | "not_found" | "full"> {
  return database.transaction(async (connection) => {
    // a checkout locks the same row while it reads the items
    const found = await connection.query(
      "update carts set updated_at = now() where id = $1 returning id",
      [id],
    );
    if (found.length === 0) return "not_found";
    if (quantity === 0) {
      await connection.query("delete from cart_items where cart_id = $1 and product_id = $2", [
        id,
        productId,
      ]);
    } else {
      const set = await connection.query(
        `insert into cart_items (cart_id, product_id, quantity)
         select $1, $2, $3
         where (select count(*) from cart_items where cart_id = $1 and product_id <> $2) < $4
         on conflict (cart_id, product_id) do update set quantity = excluded.quantity
         returning quantity`,
        [id, productId, quantity, maxCartItems],
      );
      if (set.length === 0) return "full";
    }
    return (await readCart(connection, id)) ?? "not_found";
  });
}

/** Takes what was bought out of the cart; what was added during the checkout stays. */
export async function takeFromCart(
  connection: Queryable,
  id: string,
  bought: readonly CartItem[],
): Promise<void> {
  await connection.query("select from carts where id = $1 for update", [id]);
  const values = [id, JSON.stringify(bought)];
  const items = "json_to_recordset($2::json) as bought (product_id text, quantity integer)";
  await connection.query(
    `delete from cart_items c using ${items}
     where c.cart_id = $1 and c.product_id = bought.product_id and c.quantity <= bought.quantity`,
    values,
  );
  await connection.query(
    `update cart_items c set quantity = c.quantity - bought.quantity from ${items}
     where c.cart_id = $1 and c.product_id = bought.product_id and c.quantity > bought.quantity`,
    values,
  );
}

/** Removes carts that nothing was put into for a long time; returns their number. */
export async function removeOldCarts(
  connection: Queryable,
  { lifeMs, limit }: { readonly lifeMs: number; readonly limit: number },
): Promise<number> {
  const removed = await connection.query(
    `delete from carts where id in (
       select id from carts where updated_at < now() - $1 * interval '1 millisecond'
       order by updated_at limit $2 for update skip locked)
     returning id`,
    [lifeMs, limit],
  );
  return removed.length;
}

import type { Database } from "../foundation/database.ts";
import { lowStock } from "./product.ts";
import type { StockChange } from "./reservations.ts";

/** At a time; more follow at the next. */
const maxProducts = 200;

/**
 * The supplier of a shop that is only shown: adds `quantity` to each product of which few are on hand, so
 * that simulated shoppers do not empty it. Waits for no lock; a product that is being sold is left for later.
 */
export async function restock(
  database: Database,
  quantity: number,
): Promise<readonly StockChange[]> {
  const rows = await database.query<{ id: string; version: string; available: number }>(
    `with low as (
       select id from products where deleted_at is null and stock < $1
       order by id limit $2 for no key update skip locked
     )
     update products p set stock = p.stock + $3, version = nextval('product_versions')
     from low where p.id = low.id
     returning p.id, p.version, p.stock as available`,
    [lowStock, maxProducts, quantity],
  );
  return rows.map((row) => ({ ...row, version: Number(row.version) }));
}

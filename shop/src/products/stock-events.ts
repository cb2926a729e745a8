import type { Weir } from "../foundation/weir.ts";
import { lowStock, type Product } from "./product.ts";
import type { StockChange } from "./reservations.ts";

/** What the product service sends to Weir; the events have no user, as the shop itself is the actor. */
export interface ProductEvents {
  productChanged(type: "product.created" | "product.updated", product: Product): void;
  productRemoved(id: string): void;
  /** Sends `stock.low` for each product of which few are left. */
  stockTaken(changes: readonly StockChange[]): void;
  stockDelivered(changes: readonly StockChange[]): void;
}

export function createProductEvents(weir: Weir): ProductEvents {
  return {
    productChanged(type, { id, name, category, price, currency, stock }) {
      weir.track({
        event_type: type,
        product: { id, name, category, price: Number(price), currency },
        properties: { stock },
      });
    },
    productRemoved(id) {
      weir.track({ event_type: "product.removed", product: { id } });
    },
    stockTaken(changes) {
      for (const { id, available } of changes) {
        if (available >= lowStock) continue;
        weir.track({ event_type: "stock.low", product: { id }, properties: { stock: available } });
      }
    },
    stockDelivered(changes) {
      for (const { id, available } of changes) {
        const properties = { stock: available };
        weir.track({ event_type: "stock.delivered", product: { id }, properties });
      }
    },
  };
}

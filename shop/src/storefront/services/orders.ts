import type { ServiceClient } from "../../foundation/service-client.ts";
import type { Language } from "../language/language.ts";
import { unlessMissing } from "./products.ts";

export interface CartLine {
  readonly product_id: string;
  readonly quantity: number;
}

export interface Cart {
  readonly id: string;
  readonly items: readonly CartLine[];
}

export const simulations = ["success", "decline", "time_out"] as const;
export type Simulation = (typeof simulations)[number];

export interface Order {
  readonly id: string;
  readonly user_id: string;
  readonly state: string;
  readonly items: readonly {
    readonly product_id: string;
    readonly name: string;
    readonly category: string;
    readonly quantity: number;
    readonly price: string;
  }[];
  readonly total: string;
  readonly currency: string;
  readonly created_at: string;
  readonly history: readonly { readonly state: string; readonly at: string }[];
}

export interface OrderPage {
  readonly items: readonly Order[];
  readonly next: string | null;
}

export interface CheckoutRequest {
  readonly idempotencyKey: string;
  readonly cart_id: string;
  readonly user_id: string;
  readonly anonymous_id: string;
  readonly session_id: string;
  readonly email: string;
  readonly language: Language;
  readonly simulate: Simulation;
}

export interface Orders {
  createCart(): Promise<Cart>;
  cart(id: string): Promise<Cart | undefined>;
  /** 0 removes the product; undefined: there is no such cart. */
  setQuantity(cartId: string, line: CartLine): Promise<Cart | undefined>;
  checkOut(request: CheckoutRequest): Promise<Order>;
  order(id: string): Promise<Order | undefined>;
  ordersOf(userId: string, after: string | undefined): Promise<OrderPage>;
}

/** @param checkoutClient waits for as long as a payment may take */
export function createOrders(client: ServiceClient, checkoutClient: ServiceClient): Orders {
  return {
    async createCart() {
      const { body } = await client.request({ method: "POST", path: "/carts", body: {} });
      const { id } = body as { readonly id: string };
      return { id, items: [] };
    },
    async cart(id) {
      const path = `/carts/${encodeURIComponent(id)}`;
      const answer = await unlessMissing(client.request({ method: "GET", path }));
      return answer?.body as Cart | undefined;
    },
    async setQuantity(cartId, { product_id, quantity }) {
      const path = `/carts/${encodeURIComponent(cartId)}/items/${encodeURIComponent(product_id)}`;
      const request = client.request({ method: "PUT", path, body: { quantity } });
      const answer = await unlessMissing(request);
      return answer?.body as Cart | undefined;
    },
    async checkOut({ idempotencyKey, simulate, ...body }) {
      const answer = await checkoutClient.request({
        method: "POST",
        path: "/checkouts",
        headers: { "idempotency-key": idempotencyKey },
        body: { ...body, payment: { method: "card", simulate } },
      });
      return answer.body as Order;
    },
    async order(id) {
      const path = `/orders/${encodeURIComponent(id)}`;
      const answer = await unlessMissing(client.request({ method: "GET", path }));
      return answer?.body as Order | undefined;
    },
    async ordersOf(userId, after) {
      const query = new URLSearchParams({ user_id: userId, limit: "20" });
      if (after !== undefined) query.set("after", after);
      const { body } = await client.request({ method: "GET", path: `/orders?${query}` });
      return body as OrderPage;
    },
  };
}

import type { Product } from "../services/products.ts";

/** An event that the browser sends as it is: with its id and time, sending it again is a duplicate. */
export interface ShopEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly user_id?: string;
  readonly anonymous_id: string;
  readonly session_id: string;
  readonly product?: EventProduct;
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface EventProduct {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly category: string;
  readonly price: number;
  readonly currency: string;
  readonly quantity?: number;
}

export interface EventContext {
  readonly newId: () => string;
  readonly now: () => number;
}

interface Sender {
  readonly visitorId: string;
  readonly sessionId: string;
  readonly user: { readonly id: string } | undefined;
}

type Facts = Pick<ShopEvent, "event_type" | "product" | "properties">;

export function eventOf({ newId, now }: EventContext, sender: Sender, facts: Facts): ShopEvent {
  const { event_type, product, properties } = facts;
  return {
    event_id: newId(),
    event_type,
    timestamp: new Date(now()).toISOString(),
    ...(sender.user === undefined ? {} : { user_id: sender.user.id }),
    anonymous_id: sender.visitorId,
    session_id: sender.sessionId,
    ...(product === undefined ? {} : { product }),
    ...(properties === undefined ? {} : { properties }),
  };
}

export function eventProduct(product: Product, quantity?: number): EventProduct {
  const { id, name, description, category, price, currency } = product;
  return {
    id,
    name,
    ...(description ? { description } : {}),
    category,
    price: Number(price),
    currency,
    ...(quantity === undefined ? {} : { quantity }),
  };
}

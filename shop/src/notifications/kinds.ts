import { type OrderEventType, orderEventTypes } from "../bus/order-events.ts";

export const languages = ["en", "tr"] as const;
export type Language = (typeof languages)[number];

/** What a notification is about; each has a template in every language. */
export const kinds = [
  "order_created",
  "order_paid",
  "order_shipped",
  "order_delivered",
  "order_cancelled",
  "order_refunded",
  "payment_failed",
  "sign_in_link",
] as const;
export type Kind = (typeof kinds)[number];
export type OrderKind = Exclude<Kind, "sign_in_link">;

/** A user can opt out of these; a sign-in link was asked for. */
export const optionalKinds: readonly Kind[] = kinds.filter((kind) => kind !== "sign_in_link");

export const channelNames = ["log", "smtp", "webhook"] as const;
export type ChannelName = (typeof channelNames)[number];

/** Of a message that the storefront asks for. */
export const messageRequestType = "shop.message.requested.v1";

/** What the service's queue is bound to. */
export const consumedTypes: readonly string[] = [...orderEventTypes, messageRequestType];

const kindByType: Readonly<Record<OrderEventType, OrderKind>> = {
  "shop.order.created.v1": "order_created",
  "shop.order.paid.v1": "order_paid",
  "shop.order.shipped.v1": "order_shipped",
  "shop.order.delivered.v1": "order_delivered",
  "shop.order.cancelled.v1": "order_cancelled",
  "shop.order.refunded.v1": "order_refunded",
  "shop.order.payment_failed.v1": "payment_failed",
};

export function orderKind(type: string): OrderKind | undefined {
  return Object.hasOwn(kindByType, type) ? kindByType[type as OrderEventType] : undefined;
}

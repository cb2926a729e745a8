/** What the other systems learn of a transition: bus messages, events for Weir, and work to undo. */
import type { CloudEvent } from "../bus/cloud-event.ts";
import { type OrderData, type OrderEventType, orderEvent } from "../bus/order-events.ts";
import type { WeirEvent } from "../foundation/weir-delivery.ts";
import type { Order, Shopper, StoredOrder } from "./order.ts";

export type OrderMessage = CloudEvent<OrderData>;

export const destinations = ["bus", "weir", "payment", "products"] as const;
export type Destination = (typeof destinations)[number];

/** A row of the outbox. */
export interface Outgoing {
  readonly destination: Destination;
  readonly payload: OrderMessage | WeirEvent | UndoWork;
}

/** The payment provider returns the money of the order; the product service puts its items back. */
export interface UndoWork {
  readonly order_id: string;
}

/**
 * Everything to send for the order's latest transition. Ids are made of the order's id and what happened, so
 * that a message that is sent again is recognised as the same one.
 */
export function messagesOf(stored: StoredOrder): readonly Outgoing[] {
  const { order } = stored;
  const latest = order.history.at(-1);
  if (latest === undefined) throw new Error(`Order ${order.id} has no history.`);
  const { state } = order;
  const types: OrderEventType[] = [`shop.order.${state}.v1`];
  if (isPaymentFailure(latest.reason)) types.unshift("shop.order.payment_failed.v1");
  const undo = { order_id: order.id };
  return [
    ...types.map((type) => ({ destination: "bus" as const, payload: busMessage(order, type) })),
    ...weirEvents(stored).map((payload) => ({ destination: "weir" as const, payload })),
    ...(state === "refunded" || wasPaid(order)
      ? [{ destination: "payment" as const, payload: undo }]
      : []),
    // a refunded order keeps its items: they are with the shopper, or lost
    ...(wasPaid(order) ? [{ destination: "products" as const, payload: undo }] : []),
  ];
}

const paymentFailures = ["payment_declined", "payment_timed_out"] as const;

function isPaymentFailure(reason: string | undefined): boolean {
  return paymentFailures.some((failure) => failure === reason);
}

/** Cancelled after it was paid. */
function wasPaid({ state, history }: Order): boolean {
  return state === "cancelled" && history.some((entry) => entry.state === "paid");
}

function busMessage(order: Order, type: OrderEventType): OrderMessage {
  const id = `${order.id}:${type}`;
  return orderEvent({ id, type, time: new Date(order.updated_at), order });
}

/**
 * Weir's default mapping counts both `purchase` and `order.created` as a purchase. An order is counted when
 * it is paid, so its creation is sent as `order.placed`.
 */
function weirEvents({ order, shopper }: StoredOrder): readonly WeirEvent[] {
  switch (order.state) {
    case "created":
      return [weirEvent(order, shopper, { type: "order.placed", amounts: true })];
    case "paid":
      return [weirEvent(order, shopper, { type: "purchase", amounts: true })];
    case "refunded":
      return [weirEvent(order, shopper, { type: "refund", amounts: true })];
    case "cancelled": {
      const { reason } = order.history.at(-1) ?? {};
      const about = reason === undefined ? {} : { reason };
      const cancelled = weirEvent(order, shopper, { type: "order.cancelled", about });
      if (wasPaid(order)) {
        return [cancelled, weirEvent(order, shopper, { type: "refund", amounts: true })];
      }
      return isPaymentFailure(reason)
        ? [weirEvent(order, shopper, { type: "payment.failed", about }), cancelled]
        : [cancelled];
    }
    case "shipped":
    case "delivered":
      return [weirEvent(order, shopper, { type: `order.${order.state}` })];
  }
}

interface WeirContent {
  readonly type: string;
  /** With the revenue and the products, as decimals. */
  readonly amounts?: true;
  readonly about?: Readonly<Record<string, string>>;
}

function weirEvent(order: Order, shopper: Shopper, content: WeirContent): WeirEvent {
  const { currency, items, total } = order;
  return {
    event_id: `${order.id}:${content.type}`,
    event_type: content.type,
    timestamp: order.updated_at,
    user_id: shopper.user_id,
    anonymous_id: shopper.anonymous_id,
    session_id: shopper.session_id,
    properties: {
      order_id: order.id,
      ...content.about,
      ...(content.amounts === undefined
        ? {}
        : {
            revenue: total,
            currency,
            products: items.map((item) => ({ ...item, currency })),
          }),
    },
  };
}

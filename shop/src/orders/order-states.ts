/** The states of an order and the table of transitions between them. */

export const orderStates = [
  "created",
  "paid",
  "shipped",
  "delivered",
  "cancelled",
  "refunded",
] as const;
export type OrderState = (typeof orderStates)[number];

/**
 * Every allowed transition. `created` is left by the checkout alone: a second writer there could cancel an
 * order whose payment is on its way.
 */
export const allowedTransitions: Readonly<Record<OrderState, readonly OrderState[]>> = {
  created: ["paid", "cancelled"],
  paid: ["shipped", "cancelled", "refunded"],
  shipped: ["delivered", "refunded"],
  delivered: ["refunded"],
  cancelled: [],
  refunded: [],
};

export const orderActions = ["ship", "deliver", "cancel", "refund"] as const;
export type OrderAction = (typeof orderActions)[number];

export const targetOf: Readonly<Record<OrderAction, OrderState>> = {
  ship: "shipped",
  deliver: "delivered",
  cancel: "cancelled",
  refund: "refunded",
};

/** The actions that a request may take on an order in this state. */
export function allowedActions(state: OrderState): readonly OrderAction[] {
  if (state === "created") return [];
  return orderActions.filter((action) => allowedTransitions[state].includes(targetOf[action]));
}

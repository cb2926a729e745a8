import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEventTypeMapping } from "../../../server/src/parts/etl/event-types.ts";
import type { Order } from "./order.ts";
import { messagesOf } from "./order-messages.ts";
import type { OrderState } from "./order-states.ts";

const paths: Readonly<Record<string, readonly OrderState[]>> = {
  created: ["created"],
  paid: ["created", "paid"],
  shipped: ["created", "paid", "shipped"],
  delivered: ["created", "paid", "shipped", "delivered"],
  refunded: ["created", "paid", "refunded"],
  "cancelled after it was paid": ["created", "paid", "cancelled"],
};

test("an order is one purchase for Weir, counted when it is paid", () => {
  const sent = Object.values(paths).flatMap((states) =>
    weirTypes(states).map((type) => ({ state: states.at(-1), type })),
  );
  const purchases = sent.filter(({ type }) =>
    defaultEventTypeMapping.purchase.some((name) => name === type),
  );
  assert.deepEqual(purchases, [{ state: "paid", type: "purchase" }]);
  const refunds = sent.filter(({ type }) =>
    defaultEventTypeMapping.refund.some((name) => name === type),
  );
  assert.deepEqual(
    refunds.map(({ state }) => state),
    ["refunded", "cancelled"],
  );
});

test("the same transition has the same messages, byte for byte", () => {
  const stored = { order: orderIn(["created", "paid"]), shopper };
  assert.equal(JSON.stringify(messagesOf(stored)), JSON.stringify(messagesOf(stored)));
});

test("a purchase has the order's id, its revenue and its products as decimals", () => {
  const [, purchase] = messagesOf({ order: orderIn(["created", "paid"]), shopper });
  assert.deepEqual(purchase?.payload, {
    event_id: "order-1:purchase",
    event_type: "purchase",
    timestamp: "2026-11-30T10:00:01.000Z",
    user_id: "ayse",
    anonymous_id: null,
    session_id: "session-1",
    properties: {
      order_id: "order-1",
      revenue: "5.10",
      currency: "GBP",
      products: [
        {
          product_id: "mug",
          name: "Mug",
          category: "Tableware",
          quantity: 2,
          price: "2.55",
          currency: "GBP",
        },
      ],
    },
  });
});

test("the items of an order that was paid and cancelled go back on sale", () => {
  for (const states of Object.values(paths)) {
    const messages = messagesOf({ order: orderIn(states), shopper });
    const work = messages.filter(({ destination }) => destination === "products");
    assert.equal(work.length, states.at(-1) === "cancelled" ? 1 : 0, states.join());
  }
});

test("money goes back for a refund and for an order that was paid and cancelled", () => {
  for (const states of Object.values(paths)) {
    const messages = messagesOf({ order: orderIn(states), shopper });
    const work = messages.filter(({ destination }) => destination === "payment");
    const expected = ["refunded", "cancelled"].includes(states.at(-1) ?? "") ? 1 : 0;
    assert.equal(work.length, expected, states.join());
  }
});

const shopper = { user_id: "ayse", anonymous_id: null, session_id: "session-1" };

function orderIn(states: readonly OrderState[]): Order {
  const at = (n: number) => new Date(Date.UTC(2026, 10, 30, 10, 0, n)).toISOString();
  return {
    id: "order-1",
    user_id: "ayse",
    email: "ayse@example.com",
    language: "tr",
    state: states.at(-1) ?? "created",
    items: [{ product_id: "mug", name: "Mug", category: "Tableware", quantity: 2, price: "2.55" }],
    total: "5.10",
    currency: "GBP",
    created_at: at(0),
    updated_at: at(states.length - 1),
    history: states.map((state, n) => ({ state, at: at(n) })),
  };
}

function weirTypes(states: readonly OrderState[]): readonly string[] {
  return messagesOf({ order: orderIn(states), shopper })
    .filter(({ destination }) => destination === "weir")
    .map(({ payload }) => ("event_type" in payload ? String(payload.event_type) : ""));
}

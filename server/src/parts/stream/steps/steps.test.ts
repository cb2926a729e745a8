import assert from "node:assert/strict";
import { test } from "node:test";
import { formats } from "../../../core/event/record.ts";
import type { StoredEvent } from "../../../core/ports/log.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { collect } from "../write/collect.ts";
import { type ProductEvent, takeSteps } from "./steps.ts";

const interest = { view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 };
const at = Date.UTC(2026, 0, 1);

function logged(change: Partial<StoredEvent> & { readonly body?: unknown } = {}): StoredEvent {
  const { body, ...rest } = change;
  return {
    serviceId: 1,
    eventId: "0b0e0000-0000-7000-8000-000000000001",
    receivedAt: "2026-01-01 00:00:00+00",
    receivedAtMs: at,
    format: formats.native,
    occurredAt: at,
    eventType: "product.view",
    action: 1,
    userKey: "u1",
    productKey: "p1",
    items: null,
    payload: JSON.stringify(
      body ?? {
        product: { id: "p1", name: "Red mug", category: "Kitchen", price: 4.5, currency: "eur" },
      },
    ),
    ...rest,
  };
}

function passed(event: StoredEvent): ProductEvent {
  const outcome = takeSteps(event);
  assert.ok(outcome.kind === "ok", JSON.stringify(outcome));
  return outcome.value;
}

test("a native event describes its product", () => {
  const [product] = passed(logged()).products;
  assert.equal(product?.pointId, uuidOfText("p1"));
  assert.deepEqual(product?.described?.content, {
    name: "Red mug",
    description: null,
    category: "Kitchen",
    price: 4.5,
    currency: "EUR",
  });
  assert.equal(product?.described?.text, "Red mug. Kitchen");
});

test("Segment's and CloudEvents' products are found where those formats keep them", () => {
  const segment = passed(
    logged({
      format: formats.segment,
      body: {
        event: "Product Viewed",
        properties: { product_id: "p1", name: "Blue mug", price: "3" },
      },
    }),
  );
  assert.equal(segment.products[0]?.described?.content.name, "Blue mug");
  assert.equal(segment.products[0]?.described?.content.price, 3);
  const cloud = passed(
    logged({
      format: formats.cloudevents,
      body: { data: { product: { id: "p1", name: "Green mug" } } },
    }),
  );
  assert.equal(cloud.products[0]?.described?.content.name, "Green mug");
});

test("an order of several products describes each of them", () => {
  const order = passed(
    logged({
      productKey: null,
      items: [{ id: "a" }, { id: "b" }, { id: "a" }],
      format: formats.segment,
      body: {
        properties: {
          products: [
            { product_id: "b", name: "B" },
            { sku: "a", name: "A" },
          ],
        },
      },
    }),
  );
  assert.deepEqual(
    order.products.map(({ key, described }) => [key, described?.content.name]),
    [
      ["a", "A"],
      ["b", "B"],
    ],
  );
});

test("an event without a product is dropped", () => {
  assert.deepEqual(takeSteps(logged({ productKey: null, body: {} })), {
    kind: "drop",
    reason: "no_product",
  });
});

test("a payload that is not a JSON object is a dead letter, with the reason", () => {
  for (const payload of ["{", "[]", "null", '"text"']) {
    const outcome = takeSteps(logged({ payload }));
    assert.equal(outcome.kind, "dead", payload);
    assert.equal(outcome.kind === "dead" && outcome.reason, "unreadable");
  }
});

test("invalid members of a product are left out, and the rest is kept", () => {
  const { products } = passed(
    logged({
      body: {
        product: { id: "p1", name: ["x"], price: "cheap", currency: "euro", description: 5 },
      },
    }),
  );
  assert.equal(products[0]?.described, undefined);
  assert.equal(products[0]?.key, "p1");
});

test("a cut text does not end in half a character", () => {
  const name = `${"x".repeat(499)}😀`;
  const [product] = passed(logged({ body: { product: { id: "p1", name } } })).products;
  assert.equal(product?.described?.content.name, "x".repeat(499));
});

test("a page adds up: counts by type, first and last seen, the newest text, interest and purchases", () => {
  const view = passed(logged());
  const renamed = passed(
    logged({
      occurredAt: at + 1_000,
      eventType: "purchase",
      action: 3,
      body: { product: { id: "p1", name: "Red mug, large" } },
    }),
  );
  const nameless = passed(
    logged({ occurredAt: at + 2_000, body: { product: { id: "p1", category: "K" } } }),
  );
  for (const events of [
    [view, renamed, nameless],
    [nameless, renamed, view],
  ]) {
    const { products, users } = collect(events, interest);
    const product = products.get(uuidOfText("p1"));
    assert.equal(
      product?.described?.content.name,
      "Red mug, large",
      "a name is never replaced by a text without one",
    );
    assert.equal(product?.firstSeen, at);
    assert.equal(product?.lastSeen, at + 2_000);
    assert.deepEqual(Object.fromEntries(product?.counts ?? []), { "product.view": 2, purchase: 1 });
    assert.equal(product?.views, 2);
    assert.equal(product?.purchases, 1);
    const user = users.get(uuidOfText("u1"));
    assert.equal(user?.events, 3);
    assert.deepEqual([...(user?.bought ?? [])], [uuidOfText("p1")]);
  }
});

test("an event that shows no interest adds no user", () => {
  const refund = passed(logged({ action: 4, eventType: "refund" }));
  assert.equal(collect([refund], interest).users.size, 0);
  assert.equal(collect([passed(logged({ userKey: null }))], interest).users.size, 0);
});

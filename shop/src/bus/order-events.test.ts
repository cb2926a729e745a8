import assert from "node:assert/strict";
import { test } from "node:test";
import { UnprocessableMessage } from "./bus.ts";
import { parseCloudEvent } from "./cloud-event.ts";
import { type OrderData, orderEvent, orderEventTypes, readOrder } from "./order-events.ts";

const order: OrderData = {
  id: "0198c0de-0000-7000-8000-000000000001",
  user_id: "user-1",
  email: "a@example.com",
  language: "tr",
  state: "paid",
  items: [{ product_id: "85123A", name: "Lamba", category: "Ev", quantity: 2, price: "12.50" }],
  total: "25.00",
  currency: "TRY",
  created_at: "2026-01-01T10:00:00.000Z",
  updated_at: "2026-01-01T10:00:01.000Z",
};
const time = new Date("2026-01-01T10:00:02Z");

test("an order event of every type is a CloudEvent that its reader accepts after the wire", () => {
  for (const type of orderEventTypes) {
    const sent = orderEvent({ id: "m1", type, time, order });
    const received = parseCloudEvent(JSON.stringify(sent));
    assert.deepEqual(received, sent);
    assert.deepEqual(readOrder(received), order);
    assert.equal(received.dataschema, "urn:weir:shop:order:v1");
  }
});

test("an order with more members than the schema knows is accepted: senders may be newer", () => {
  const newer = { ...order, gift: true };
  assert.deepEqual(
    readOrder(orderEvent({ id: "m1", type: "shop.order.paid.v1", time, order: newer })),
    newer,
  );
});

test("an order that does not match its schema is refused with the place", () => {
  const wrong: readonly (readonly [Partial<Record<keyof OrderData, unknown>>, RegExp])[] = [
    [{ total: 25 }, /data\/total must be string/],
    [{ total: "25,00" }, /data\/total must match pattern/],
    [{ language: "de" }, /data\/language must be equal to one of/],
    [{ items: [] }, /data\/items must NOT have fewer than 1 items/],
    [{ email: undefined }, /data must have required property 'email'/],
  ];
  for (const [change, message] of wrong) {
    const data = JSON.parse(JSON.stringify({ ...order, ...change })) as OrderData;
    assert.throws(
      () => readOrder(orderEvent({ id: "m1", type: "shop.order.paid.v1", time, order: data })),
      (error) => error instanceof UnprocessableMessage && message.test(error.message),
    );
  }
});

test("a text that is no CloudEvent is refused with the member", () => {
  const whole = { specversion: "1.0", id: "1", source: "/s", type: "t", time: "x", data: null };
  assert.equal(parseCloudEvent(JSON.stringify(whole)).id, "1");
  assert.throws(() => parseCloudEvent("{"), SyntaxError);
  assert.throws(() => parseCloudEvent("null"), /no object/);
  assert.throws(
    () => parseCloudEvent(JSON.stringify({ ...whole, specversion: "0.3" })),
    /specversion/,
  );
  assert.throws(() => parseCloudEvent(JSON.stringify({ ...whole, id: "" })), /"id" is missing/);
  assert.throws(() => parseCloudEvent(JSON.stringify({ ...whole, data: undefined })), /"data"/);
});

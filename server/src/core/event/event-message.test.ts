import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventMessage, eventMessageSchema } from "@weir/protocol";
import { Ajv2020 } from "ajv/dist/2020.js";
import {
  eventMessageHeaders,
  eventMessageKey,
  eventMessageValue,
  type LoggedEvent,
  readEventMessage,
} from "./event-message.ts";
import { formats } from "./record.ts";

const event: LoggedEvent = {
  service: "shop",
  serviceId: 3,
  format: formats.native,
  eventId: "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
  eventRef: null,
  eventType: "purchase",
  occurredAt: "2024-01-15T10:30:00.000000Z",
  receivedAt: "2024-01-15T10:30:00.412345Z",
  userKey: "user123",
  productKey: null,
  amount: "12.90",
  currency: "TRY",
  items: '[{"id":"a","quantity":1,"amount":12.90},{"id":"b","quantity":2,"amount":null}]',
  xid: "12345",
  incarnation: "7",
  payload: '{"event_type":"purchase"}',
};
const validate = new Ajv2020({ allowUnionTypes: true, validateFormats: false }).compile(
  eventMessageSchema,
);

test("a message matches the schema of its topic, for every format", () => {
  for (const format of Object.values(formats)) {
    const value = eventMessageValue({ ...event, format });
    const message = JSON.parse(value.toString()) as EventMessage;
    assert.ok(validate(message), JSON.stringify(validate.errors));
    assert.equal(message.format, Object.keys(formats)[format]);
    assert.equal(message.amount, "12.90");
    assert.deepEqual(message.items?.[1], { id: "b", quantity: 2, amount: null });
  }
  assert.throws(() => eventMessageValue({ ...event, format: 3 }), RangeError);
});

test("the payload keeps the bytes that were sent", () => {
  const sent = [
    '{ "event_type" : "a",\n\t"properties": {"n": 1e2, "big": 9007199254740993, "money": 12.90} }',
    '{"event_type":"a","event_type":"b","properties":{"event":"}","quote":"\\"}"}}',
    '{"event_type":"çay 🍵","properties":{"escaped":"\\u00e7\\ud83c\\udf75"}}',
    "{}",
  ];
  for (const payload of sent) {
    const fromText = eventMessageValue({ ...event, payload });
    const fromBytes = eventMessageValue({ ...event, payload: Buffer.from(payload) });
    assert.deepEqual(fromBytes, fromText);
    const read = readEventMessage(fromText);
    assert.ok("facts" in read, JSON.stringify(read));
    assert.equal(read.payload.toString(), payload);
  }
});

test("names with quotes, line breaks and other scripts come back as they were", () => {
  const strange = 'Order "Completed" \\ 注文\u2028🍵';
  const value = eventMessageValue({
    ...event,
    eventRef: strange,
    eventType: strange,
    userKey: strange,
    productKey: strange,
  });
  const read = readEventMessage(value);
  assert.ok("facts" in read, JSON.stringify(read));
  const { event_id, event_type, user_key, product_key } = read.facts;
  assert.deepEqual(
    [event_id, event_type, user_key, product_key],
    [strange, strange, strange, strange],
  );
});

test("the key is the user or the product, and else the identity", () => {
  assert.equal(eventMessageKey(event, "user"), "user123");
  assert.equal(eventMessageKey(event, "product"), event.eventId);
  assert.equal(eventMessageKey({ ...event, userKey: null }, "user"), event.eventId);
});

test("headers name the id as it was sent, and the trace where there is one", () => {
  assert.deepEqual(eventMessageHeaders({ ...event, eventRef: "order-42" }, "00-a-b-01"), {
    "content-type": "application/vnd.weir.event+json; version=1",
    "weir-service": "shop",
    "weir-event-type": "purchase",
    "weir-event-id": "order-42",
    traceparent: "00-a-b-01",
  });
  assert.equal(eventMessageHeaders(event).traceparent, undefined);
});

test("what is no message is refused with the place of the problem", () => {
  const good = eventMessageValue(event).toString();
  const cases: readonly (readonly [string | Buffer, string])[] = [
    ["", ""],
    ["[]", ""],
    [good.slice(0, -1), ""],
    [`${good} {}`, ""],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), ""],
    [good.replace('"version":1', '"version":2'), "/version"],
    [good.replace('"amount":"12.90"', '"amount":12.90'), "/amount"],
    [good.replace('"user_key":"user123",', ""), "/user_key"],
    [good.replace('"xid":"12345"', '"xid":"12345","xid":"1"'), "/xid"],
    [good.replace('"xid":"12345"', '"xid":nope'), "/xid"],
    [good.replace('"event":{"event_type":"purchase"}', '"event":"text"'), "/event"],
    [good.replace(',"event":{"event_type":"purchase"}', ""), "/event"],
  ];
  for (const [value, pointer] of cases) {
    const read = readEventMessage(Buffer.from(value));
    assert.ok("problem" in read, String(value));
    assert.equal(read.pointer, pointer, `${read.problem} of ${value}`);
  }
});

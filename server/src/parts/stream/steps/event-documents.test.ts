import assert from "node:assert/strict";
import { test } from "node:test";
import { formats } from "../../../core/event/record.ts";
import type { StoredEvent } from "../../../core/ports/log.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import type { EventDocument } from "./event-documents.ts";
import { takeSteps } from "./steps.ts";

const eventId = "0b0e0000-0000-7000-8000-000000000001";
const logged: StoredEvent = {
  serviceId: 1,
  eventId,
  receivedAt: "2026-01-01 00:00:00+00",
  receivedAtMs: 0,
  format: formats.native,
  occurredAt: 0,
  eventType: "ticket.opened",
  action: 0,
  userKey: null,
  productKey: null,
  items: null,
  payload: "{}",
};

function document(body: unknown, change: Partial<StoredEvent> = {}): EventDocument {
  const outcome = takeSteps(
    { ...logged, payload: JSON.stringify(body), ...change },
    { documents: true },
  );
  assert.ok(outcome.kind === "ok" && outcome.value.document !== undefined, JSON.stringify(outcome));
  return outcome.value.document;
}

test("an event's text is its type, the texts of its products, and the readable texts of its properties", () => {
  const found = document(
    {
      product: { id: "p1", name: "Brass lamp", category: "Light" },
      properties: {
        reason: "The shade is broken",
        more: { tags: ["urgent", "büyük lamba"] },
        n: 7,
      },
    },
    { productKey: "p1" },
  );
  assert.equal(
    found.text,
    "ticket.opened. Brass lamp. Light. The shade is broken. urgent. büyük lamba",
  );
  assert.deepEqual([found.productIds, found.categories], [["p1"], ["Light"]]);
});

test("generated ids, addresses, tokens and names of members are not text", () => {
  const properties = {
    url: "https://shop.example/lamps",
    mail: "someone@shop.example",
    token: "a8f5f167f44f4964e6c998dee827110c",
    id: eventId,
    count: "42",
    mark: "?",
    plan: "premium",
  };
  assert.equal(document({ properties }).text, "ticket.opened. premium");
});

test("every format's properties are read, and an order's lines are its products", () => {
  const lines = [
    { product_id: "a", name: "A cup" },
    { product_id: "b", name: "A bowl" },
  ];
  const segment = document(
    { messageId: "m-1", properties: { products: lines, coupon: "Spring sale" } },
    { format: formats.segment, items: [{ id: "a" }, { id: "b" }], eventType: "Order Completed" },
  );
  assert.equal(segment.text, "Order Completed. A cup. A bowl. Spring sale");
  assert.deepEqual(segment.productIds, ["a", "b"]);
  const cloud = { source: "/desk", id: "7", data: { note: "please call back" } };
  assert.equal(
    document(cloud, { format: formats.cloudevents }).text,
    "ticket.opened. please call back",
  );
});

test("a document has the id that its sender gave the event", () => {
  assert.equal(document({ event_id: "t-1" }, { eventId: uuidOfText("t-1") }).eventId, "t-1");
  assert.equal(document({ event_id: eventId }).eventId, eventId);
  assert.equal(document({}).eventId, eventId, "made by the server");
  assert.equal(document({ event_id: "another" }).eventId, eventId, "an edited one keeps its name");
  assert.equal(
    document(
      { source: "/desk", id: "7" },
      { format: formats.cloudevents, eventId: uuidOfText("/desk 7") },
    ).eventId,
    "/desk 7",
  );
});

test("a text is cut, however large the event is", () => {
  const long = Object.fromEntries(
    Array.from({ length: 900 }, (_, n) => [`m${n}`, `word ${n} ${"x".repeat(600)}`]),
  );
  assert.equal(document({ properties: long }).text.length, 2_000);
  let deep: unknown = "too deep";
  for (let n = 0; n < 10; n++) deep = { deep };
  assert.equal(document({ properties: { deep } }).text, "ticket.opened");
  const { text } = document({ properties: { a: `ab ${"x".repeat(496)}😀` } });
  assert.equal(text.isWellFormed(), true, "cut between characters");
});

test("without documents an event without a product is not parsed; with them a broken one is dead", () => {
  const broken = { payload: "{", productKey: null } as const;
  const event = { ...logged, ...broken };
  assert.equal(takeSteps(event).kind, "drop");
  const outcome = takeSteps(event, { documents: true });
  assert.equal(outcome.kind === "dead" && outcome.reason, "unreadable");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decimalText } from "../decimal.ts";
import { contentHash } from "./content-hash.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import { checkNative } from "./native.ts";
import type { Checked, EventRecord, ReceiptClock, Rejection } from "./record.ts";

const now = Date.UTC(2026, 0, 15, 12);
const made = "01890a5d-ac96-774b-bcce-b302099a8057";
const receipt = { serviceId: 5, now, newId: () => made };

function check(sent: string | object): Checked {
  const bytes = Buffer.from(typeof sent === "string" ? sent : JSON.stringify(sent));
  const element = scanSingle(bytes);
  assert.ok(!("malformed" in element));
  return checkNative(readBody(bytes), element, receipt);
}

function taken(sent: string | object): EventRecord {
  const found = check(sent);
  assert.equal(found.kind, "record", "detail" in found ? found.detail : "");
  return found as EventRecord;
}

function refused(sent: string | object): Rejection {
  const found = check(sent);
  assert.equal(found.kind, "rejection");
  return found as Rejection;
}

const amountOf = (sent: string | object) => {
  const { amount, currency } = taken(sent);
  return amount === null ? null : `${decimalText(amount)} ${currency}`;
};

test("the facts of a complete event", () => {
  const text =
    '{ "event_id": "0b0e8e6a-3c6f-4d8a-9d4f-0b1f5a3a9c11", "event_type": "purchase", "timestamp": "2024-01-15T13:30:00.5+03:00", "user_id": "user123", "anonymous_id": null, "session_id": "s", "product": { "id": "p1", "name": "n", "description": "d", "category": "Electronics", "price": 1299.99, "currency": "TRY", "quantity": 3 }, "properties": { "any": [1, {"x": null}] } }';
  const found = taken(`\n ${text} `);
  const hash = contentHash(Buffer.from(text), 0, text.length);
  assert.deepEqual(
    { ...found, body: undefined, amount: undefined },
    {
      kind: "record",
      serviceId: 5,
      format: 0,
      answerId: "0b0e8e6a-3c6f-4d8a-9d4f-0b1f5a3a9c11",
      eventId: "0b0e8e6a-3c6f-4d8a-9d4f-0b1f5a3a9c11",
      eventRef: null,
      hashHigh: hash.high,
      hashLow: hash.low,
      occurredAt: Date.UTC(2024, 0, 15, 10, 30, 0, 500) * 1000,
      eventType: "purchase",
      userKey: "user123",
      productKey: "p1",
      amount: undefined,
      currency: "TRY",
      items: null,
      body: undefined,
      start: 2,
      end: text.length + 2,
    },
  );
  assert.equal(amountOf(text), "3899.97 TRY");
});

test("only event_type is required; the time defaults to the receipt, and an id is created", () => {
  const found = taken({ event_type: "x" });
  assert.equal(found.eventId, made);
  assert.equal(found.answerId, made);
  assert.equal(found.occurredAt, now * 1000);
  assert.deepEqual(
    [found.eventRef, found.userKey, found.productKey, found.amount, found.currency, found.items],
    [null, null, null, null, null, null],
  );
  const nulls = { event_id: null, timestamp: null, user_id: null, product: null, properties: null };
  assert.equal(taken({ event_type: "x", ...nulls }).eventId, made);
});

test("an id that is not a canonical UUID becomes a version 8 UUID, always the same", () => {
  const id = (event_id: string) => taken({ event_type: "x", event_id });
  const order = id("order-17");
  assert.match(
    order.eventId,
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(order.eventRef, "order-17");
  assert.equal(order.answerId, "order-17");
  assert.equal(id("order-17").eventId, order.eventId);
  assert.notEqual(id("order-18").eventId, order.eventId);
  const upper = "0B0E8E6A-3C6F-4D8A-9D4F-0B1F5A3A9C11";
  assert.notEqual(id(upper).eventId, upper.toLowerCase());
  assert.equal(id(upper).eventRef, upper);
});

test("a user is user_id, else the anonymous id, marked as such", () => {
  assert.equal(taken({ event_type: "x", user_id: "u", anonymous_id: "a" }).userKey, "u");
  assert.equal(taken({ event_type: "x", anonymous_id: "a" }).userKey, "anonymous:a");
});

test("money is exact, regardless of its digits", () => {
  const product = (price: string, quantity: string) =>
    `{"event_type":"x","product":{"id":"p","price":${price},"quantity":${quantity},"currency":"EUR"}}`;
  assert.equal(amountOf(product("0.1", "3")), "0.3 EUR");
  assert.equal(amountOf(product("1299.99", "null")), "1299.99 EUR");
  assert.equal(amountOf(product("90071992547409.93", "3")), "270215977642229.79 EUR");
  assert.equal(amountOf(product("12345678901234567.89", "2")), "24691357802469135.78 EUR");
  assert.equal(amountOf(product("1e3", "1.5")), "1500.0 EUR");
  assert.equal(amountOf(product("0", "5")), "0 EUR");
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 26n }), fc.nat(10_000), (cents, quantity) => {
      const digits = cents.toString().padStart(3, "0");
      const price = `${digits.slice(0, -2)}.${digits.slice(-2)}`;
      const { amount } = taken(product(price, String(quantity)));
      assert.ok(amount);
      // in units of the larger scale, even if a short number lost trailing zeros
      assert.equal(
        BigInt(amount.units) * 10n ** BigInt(2 - amount.scale),
        cents * BigInt(quantity),
      );
    }),
  );
});

test("revenue has precedence over price x quantity, and its currency too", () => {
  const product = { id: "p", price: 10, quantity: 2, currency: "TRY" };
  const revenue = (properties: object) => amountOf({ event_type: "x", product, properties });
  assert.equal(revenue({ revenue: 15.5 }), "15.5 TRY");
  assert.equal(revenue({ revenue: "15.50", currency: "usd" }), "15.50 USD");
  assert.equal(revenue({ revenue: "much" }), "20 TRY");
  assert.equal(revenue({ revenue: null }), "20 TRY");
  assert.equal(revenue({ revenue: -3 }), "-3 TRY");
  assert.equal(amountOf({ event_type: "x", properties: { revenue: 1 } }), "1 null");
});

test("an event with several products has them as items and their sum as amount", () => {
  const products = [
    { id: "a", price: 0.1, quantity: 3, currency: "TRY" },
    { product_id: "b", price: "5.00" },
    { sku: 77, quantity: 2 },
    { price: 1 },
    "noise",
  ];
  const found = taken({ event_type: "x", properties: { products } });
  assert.equal(found.productKey, null);
  assert.equal(found.amount === null ? null : decimalText(found.amount), "6.30");
  assert.equal(found.currency, "TRY");
  assert.deepEqual(JSON.parse(found.items ?? ""), [
    { id: "a", quantity: 3, amount: 0.3 },
    { id: "b", quantity: 1, amount: 5 },
    { id: "77", quantity: 2, amount: null },
  ]);
  const alone = taken({ event_type: "x", properties: { products: products.slice(0, 1) } });
  assert.deepEqual([alone.productKey, alone.items], ["a", null]);
  const both = taken({ event_type: "x", product: { id: "p" }, properties: { products } });
  assert.deepEqual([both.productKey, both.items], ["p", null]);
});

test("a rejection says which member is wrong and how to fix it", () => {
  const says = (sent: string | object, pointer: string, words: RegExp) => {
    const { detail, pointer: found } = refused(sent);
    assert.equal(found, pointer, detail);
    assert.match(detail, words);
  };
  says({ event_type: "x", userId: "u" }, "/userId", /not a known member.*"properties"/);
  says(
    { event_type: "x", product: { id: "p", colour: 1 } },
    "/product/colour",
    /not a known member/,
  );
  says({ user_id: "u" }, "/event_type", /missing/);
  says({ event_type: 5 }, "/event_type", /must be string, not number/);
  says({ event_type: "x", user_id: ["u"] }, "/user_id", /string or null, not array/);
  says({ event_type: "x", product: { id: "p", price: "1" } }, "/product/price", /not string/);
  says({ event_type: "" }, "/event_type", /empty/);
  says({ event_type: "x".repeat(129) }, "/event_type", /longer than 128/);
  says({ event_type: "a\tb" }, "/event_type", /control characters/);
  says({ event_type: "x", product: { id: "p", currency: "₺" } }, "/product/currency", /ISO 4217/);
  says({ event_type: "x", product: { id: "p", price: -1 } }, "/product/price", /at least 0/);
  says({ event_type: "x", timestamp: "yesterday" }, "/timestamp", /RFC 3339.*2024-01-15T10:30:00Z/);
  says({ event_type: "x", timestamp: "2026-02-29T00:00:00Z" }, "/timestamp", /does not exist/);
  says(
    { event_type: "x", timestamp: "2026-01-16T12:00:01Z" },
    "/timestamp",
    /24 hours in the future/,
  );
  says({ event_type: "x", timestamp: "1960-01-01T00:00:00Z" }, "/timestamp", /before 1970/);
  says(
    '{"event_type":"x","properties":{"a":["ok","\\u0000"]}}',
    "/properties/a/1",
    /u0000.*Remove/,
  );
  says('{"event_type":"x","user_id":"\\udead"}', "/user_id", /surrogate/);
  says('{"event_type":"x","properties":{"n":1e999}}', "/properties/n", /as a string/);
  says('{"event_type":"x",}', "", /not valid JSON/);
  says("7", "", /must be object, not number/);
  says(`{"event_type":"x","properties":{"p":"${"x".repeat(65_536)}"}}`, "", /65536.*less/);
});

test("a rejected event is answered with its own id", () => {
  assert.equal(refused({ event_id: "mine", event_type: 1 }).answerId, "mine");
  assert.equal(refused({ event_id: "mine", event_type: "x", timestamp: "?" }).answerId, "mine");
  assert.equal(refused({ event_type: 1 }).answerId, null);
  assert.equal(refused({ event_id: 1, event_type: "x" }).answerId, null);
});

test("a timestamp exactly a day ahead is accepted", () => {
  assert.equal(
    taken({ event_type: "x", timestamp: "2026-01-16T12:00:00Z" }).occurredAt,
    (now + 86_400_000) * 1000,
  );
});

test("sent members cannot reach any prototype", () => {
  taken(
    '{"event_type":"x","properties":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
  );
  assert.equal((Object.prototype as Record<string, unknown>)["polluted"], undefined);
  // a member of a prototype is not a member of the event
  assert.equal(refused('{"event_type":"x","__proto__":{"user_id":"admin"}}').pointer, "/__proto__");
});

test("a timestamp is compared with the latest clock of Weir, and not rejected while a clock is in doubt", () => {
  const dayMs = 86_400_000;
  const sent = (aheadMs: number, clock: ReceiptClock) => {
    const bytes = Buffer.from(
      JSON.stringify({ event_type: "x", timestamp: new Date(now + aheadMs).toISOString() }),
    );
    const element = scanSingle(bytes);
    assert.ok(!("malformed" in element));
    const found = checkNative(readBody(bytes), element, { ...receipt, clock });
    return found.kind === "record" ? "record" : found.code;
  };
  const behind = { latest: () => now + 30 * dayMs, inDoubt: () => true };
  const right = { latest: () => now, inDoubt: () => false };
  assert.equal(sent(30 * dayMs, behind), "record", "Weir's clock is 30 days behind");
  assert.equal(sent(31 * dayMs, behind), "record");
  assert.equal(sent(31 * dayMs + 1, behind), "unavailable", "the sender tries again");
  assert.equal(sent(dayMs, right), "record");
  assert.equal(sent(dayMs + 1, right), "invalid_event");
});

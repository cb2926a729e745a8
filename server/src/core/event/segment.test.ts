import assert from "node:assert/strict";
import { test } from "node:test";
import { decimalText } from "../decimal.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import type { Checked, EventRecord } from "./record.ts";
import { checkSegment, type SegmentType, segmentBatch, segmentWriteKey } from "./segment.ts";

const now = Date.UTC(2026, 0, 15, 12);
const receipt = { serviceId: 5, now, newId: () => "01890a5d-ac96-774b-bcce-b302099a8057" };

function check(
  message: string | object,
  call: { type?: SegmentType; sentAt?: string } = {},
): Checked {
  const bytes = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  const element = scanSingle(bytes);
  assert.ok(!("malformed" in element));
  return checkSegment(readBody(bytes), element, {
    receipt,
    call: { type: call.type, sentAt: call.sentAt },
  });
}

function taken(...sent: Parameters<typeof check>): EventRecord {
  const found = check(...sent);
  assert.equal(found.kind, "record", "detail" in found ? found.detail : "");
  return found as EventRecord;
}

const stored = ({ body, start, end }: EventRecord) => body.toString("utf8", start, end);

test("a track call keeps its event name, the other calls have the name of the call", () => {
  assert.equal(taken({ type: "track", event: "Order Completed" }).eventType, "Order Completed");
  for (const type of ["identify", "page", "screen", "group", "alias"] as const) {
    assert.equal(taken({ type, event: "ignored" }).eventType, type);
    assert.equal(taken({}, { type }).eventType, type);
  }
});

test("identity, user and facts of an order in the form of the e-commerce spec", () => {
  const found = taken({
    type: "track",
    event: "Order Completed",
    messageId: "node-next-1795240448974-6d4f",
    userId: "u1",
    anonymousId: "a1",
    context: { library: { name: "x" } },
    integrations: { All: true },
    _metadata: { nodeVersion: "24" },
    properties: {
      order_id: "50314b8e",
      total: 30.0,
      revenue: 25.005,
      currency: "usd",
      products: [
        { product_id: "507f1f77", sku: "45790-32", price: 19, quantity: 1 },
        { sku: "46493-32", price: 3, quantity: 2 },
      ],
    },
  });
  assert.equal(found.answerId, "node-next-1795240448974-6d4f");
  assert.equal(found.eventRef, "node-next-1795240448974-6d4f");
  assert.equal(found.userKey, "u1");
  assert.equal(found.amount && decimalText(found.amount), "25.005");
  assert.equal(found.currency, "USD");
  assert.deepEqual(JSON.parse(found.items ?? ""), [
    { id: "507f1f77", quantity: 1, amount: 19 },
    { id: "46493-32", quantity: 2, amount: 6 },
  ]);
});

test("the amount is revenue, else total, else value, else price x quantity, else the lines' sum", () => {
  const amount = (properties: object) => {
    const found = taken({ type: "track", event: "x", properties }).amount;
    return found === null ? null : decimalText(found);
  };
  const lines = [{ sku: "a", price: 2, quantity: 2 }];
  assert.equal(amount({ revenue: 1, total: 2, value: 3, price: 4 }), "1");
  assert.equal(amount({ total: 2, value: 3, price: 4 }), "2");
  assert.equal(amount({ value: "3.10", price: 4 }), "3.10");
  assert.equal(amount({ product_id: "p", price: 0.1, quantity: 3, products: lines }), "0.3");
  assert.equal(amount({ products: lines }), "4");
  assert.equal(amount({}), null);
  assert.equal(taken({ type: "page", properties: { revenue: 5 } }).amount, null);
});

test("a product is identified by product_id, else by sku", () => {
  const key = (properties: object) => taken({ type: "track", event: "x", properties }).productKey;
  assert.equal(key({ product_id: "p", sku: "s" }), "p");
  assert.equal(key({ sku: "s" }), "s");
  assert.equal(key({ product_id: 632910392 }), "632910392");
  assert.equal(key({ product_id: "x".repeat(257) }), null);
});

test("sentAt corrects a sender whose clock is wrong", () => {
  const at = (message: object, sentAt?: string) =>
    new Date(
      taken({ type: "page", ...message }, sentAt === undefined ? {} : { sentAt }).occurredAt / 1000,
    ).toISOString();
  // the clock is an hour ahead; the event was ten seconds before sending
  const ahead = { timestamp: "2026-01-15T12:59:50Z" };
  assert.equal(at(ahead, "2026-01-15T13:00:00Z"), "2026-01-15T11:59:50.000Z");
  assert.equal(at({ ...ahead, sentAt: "2026-01-15T13:00:00Z" }), "2026-01-15T11:59:50.000Z");
  assert.equal(
    at({ ...ahead, originalTimestamp: "2026-01-15T12:59:55Z" }, "2026-01-15T13:00:00Z"),
    "2026-01-15T11:59:55.000Z",
  );
  assert.equal(at(ahead), "2026-01-15T12:59:50.000Z");
  assert.equal(at(ahead, "soon"), "2026-01-15T12:59:50.000Z");
  assert.equal(at({}), "2026-01-15T12:00:00.000Z");
  // a time days ahead is not refused when sentAt shows that the clock is wrong
  assert.equal(
    at({ timestamp: "2031-01-01T00:00:00Z" }, "2031-01-01T00:00:01Z"),
    "2026-01-15T11:59:59.000Z",
  );
  assert.equal(check({ type: "page", timestamp: "2031-01-01T00:00:00Z" }).kind, "rejection");
  assert.equal(
    check({ type: "page", timestamp: "2026-01-20T00:00:00Z" }, { sentAt: "2026-01-10T00:00:00Z" })
      .kind,
    "rejection",
  );
});

test("a single call is stored without its key, and a retry has the same content", () => {
  const call = (sentAt: string) =>
    `{ "event":"a", "writeKey":"weir_dev_secret" ,"properties":{"writeKey":1,"n":1.50}, "sentAt":"${sentAt}" }`;
  const first = taken(call("2026-01-15T12:00:00Z"), { type: "track" });
  const second = taken(call("2026-01-15T12:00:09Z"), { type: "track" });
  assert.equal(
    stored(first),
    '{"event":"a","properties":{"writeKey":1,"n":1.50},"sentAt":"2026-01-15T12:00:00Z"}',
  );
  assert.deepEqual([first.hashHigh, first.hashLow], [second.hashHigh, second.hashLow]);
  const other = taken(call("x").replace("1.50", "1.51"), { type: "track" });
  assert.notEqual(other.hashLow, first.hashLow);
  const plain = ' {"event" : "a", "b":[ ]} ';
  assert.equal(stored(taken(plain, { type: "track" })), plain.trim());
});

test("messages of a batch are stored byte for byte", () => {
  const message = '{"type":"track", "event":"a","sentAt":"x", "integrations":{}}';
  assert.equal(stored(taken(message)), message);
});

test("an invalid message is rejected with its reason", () => {
  const detail = (...sent: Parameters<typeof check>) => {
    const found = check(...sent);
    return found.kind === "rejection" ? found.detail : "taken";
  };
  assert.match(detail({ type: "track" }), /\/event is missing/);
  assert.match(detail({ event: "a" }), /\/type is missing/);
  assert.match(detail({ type: "purchase" }), /\/type/);
  assert.match(detail({ type: "page", userId: 5 }), /\/userId must be string or null, not number/);
  assert.match(detail({ type: "page", timestamp: "1700000000" }), /RFC 3339/);
  assert.match(
    detail({ type: "track", event: "x", properties: { revenue: "9".repeat(40) } }),
    /digits/,
  );
});

test("the members of a batch body are found by their bytes", () => {
  const body = Buffer.from(
    '{"batch":[{"a":1},{"b":"]"}],"sentAt":"2026-01-15T12:00:00Z","writeKey":"k"}',
  );
  const parts = segmentBatch(body);
  assert.equal(parts?.sentAt, "2026-01-15T12:00:00Z");
  assert.equal(
    body.toString("utf8", parts?.batch?.start, parts?.batch?.end),
    '[{"a":1},{"b":"]"}]',
  );
  assert.equal(segmentBatch(Buffer.from("[]")), undefined);
  assert.equal(segmentBatch(Buffer.from('{"sentAt":5}'))?.sentAt, undefined);
});

test("the key in a body is found only at its top, and hostile bytes find nothing", () => {
  const key = (text: string | Buffer) => segmentWriteKey(Buffer.from(text));
  assert.equal(key('{"batch":[{"writeKey":"inner"}],"writeKey":"outer"}'), "outer");
  assert.equal(key('{"batch":[{"writeKey":"inner"}]}'), undefined);
  assert.equal(key('{"writeKey":"a\\u0062"}'), "ab");
  for (const text of [
    "",
    "[]",
    "null",
    '{"writeKey":5}',
    '{"writeKey":null}',
    '{"writeKey":"a',
    '{"writeKey":"\\u0000"}',
    '{"writeKey":"\\ud800"}',
    '{"writeKey":"a\n"}',
    `{"writeKey":"${"x".repeat(5_000)}"}`,
    `{"batch":${"[".repeat(200_000)}`,
    '{"a":1,"writeKey"',
  ]) {
    assert.equal(key(text), undefined, text.slice(0, 40));
  }
  assert.equal(key(Buffer.from([0x7b, 0xff, 0xfe, 0x22])), undefined);
});

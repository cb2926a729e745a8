import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudEvent, HTTP } from "cloudevents";
import { decimalText } from "../decimal.ts";
import { checkCloudEvent } from "./cloudevents.ts";
import {
  checkBinaryCloudEvent,
  type HttpHeaders,
  httpBinaryHeaders,
  isBinaryMode,
} from "./cloudevents-binary.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import type { Checked, EventRecord } from "./record.ts";

const now = Date.UTC(2026, 0, 15, 12);
const receipt = { serviceId: 5, now, newId: () => "01890a5d-ac96-774b-bcce-b302099a8057" };

function checkBinary(bytes: Buffer, headers: HttpHeaders, by: typeof receipt) {
  const read = httpBinaryHeaders(headers);
  return "kind" in read ? read : checkBinaryCloudEvent(bytes, read, by);
}
const base = { specversion: "1.0", id: "A-1", source: "/shops/1", type: "order.created" };

function structured(event: string | object): Checked {
  const bytes = Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
  const element = scanSingle(bytes);
  assert.ok(!("malformed" in element));
  return checkCloudEvent(readBody(bytes), element, receipt);
}

function record(found: Checked): EventRecord {
  assert.equal(found.kind, "record", "detail" in found ? found.detail : "");
  return found as EventRecord;
}

const stored = ({ body, start, end }: EventRecord) => body.toString("utf8", start, end);

test("source and id together are the identity; the answer names the id", () => {
  const found = record(structured(base));
  assert.equal(found.answerId, "A-1");
  assert.equal(found.eventRef, "/shops/1 A-1");
  assert.notEqual(record(structured({ ...base, source: "/shops/2" })).eventId, found.eventId);
  const uuid = "0b0e8e6a-3c6f-4d8a-9d4f-0b1f5a3a9c11";
  assert.equal(record(structured({ ...base, id: uuid })).eventRef, `/shops/1 ${uuid}`);
});

test("data in the form of a native event gives the same facts; other data gives none", () => {
  const data = {
    user_id: "u",
    product: { id: "p", price: 0.1, quantity: 3, currency: "EUR" },
    properties: { a: 1 },
  };
  const found = record(structured({ ...base, time: "2026-01-15T11:00:00+01:00", data }));
  assert.equal(found.occurredAt, Date.UTC(2026, 0, 15, 10) * 1000);
  assert.deepEqual(
    [
      found.eventType,
      found.userKey,
      found.productKey,
      found.amount && decimalText(found.amount),
      found.currency,
    ],
    ["order.created", "u", "p", "0.3", "EUR"],
  );
  const flat = record(structured({ ...base, data: { revenue: "12.50", currency: "TRY" } }));
  assert.equal(flat.amount && decimalText(flat.amount), "12.50");
  for (const other of [undefined, null, "text", 5, [1], { product: "p" }, { user_id: {} }]) {
    const none = record(structured({ ...base, data: other }));
    assert.deepEqual([none.userKey, none.productKey, none.amount], [null, null, null]);
  }
});

test("extensions are stored, and the event is stored byte for byte", () => {
  const text =
    '{"specversion":"1.0", "id":"1","source":"s","type":"t","traceparent":"00-1","data":{"n":1.50}}';
  assert.equal(stored(record(structured(` ${text}\n`))), text);
});

test("an invalid CloudEvent 1.0 is rejected with a reason", () => {
  const detail = (event: object) => {
    const found = structured(event);
    return found.kind === "rejection" ? `${found.answerId} ${found.detail}` : "taken";
  };
  assert.match(detail({ ...base, specversion: "0.3" }), /^A-1 \/specversion must be "1.0"/);
  assert.match(detail({ ...base, specversion: undefined }), /\/specversion is missing/);
  assert.match(detail({ ...base, id: "" }), /\/id must not be empty/);
  assert.match(detail({ ...base, source: undefined }), /\/source is missing/);
  assert.match(detail({ ...base, type: "x".repeat(129) }), /longer than 128/);
  assert.match(detail({ ...base, time: "15.01.2026" }), /\/time is not an RFC 3339/);
});

test("the cloudevents SDK's structured and binary messages are the same event", () => {
  const event = new CloudEvent({
    id: "42",
    source: "https://shop.example/orders",
    type: "order.created",
    subject: "Sipariş 42 €",
    time: "2026-01-15T10:00:00.000Z",
    partner: "ü",
    data: { user_id: "u", product: { id: "p" } },
  });
  const whole = HTTP.structured(event);
  const a = record(structured(whole.body as string));
  const binary = HTTP.binary(event);
  const headers = Object.fromEntries(
    Object.entries(binary.headers).map(([name, value]) => [
      name.toLowerCase(),
      // as a client must encode non-ASCII text on the wire
      encodeURIComponent(String(value)).replace(/%(20|2F|3A|3B|3D)/g, (c) => decodeURIComponent(c)),
    ]),
  );
  assert.ok(isBinaryMode(headers));
  const b = record(checkBinary(Buffer.from(binary.body as string), headers, receipt));
  assert.equal(a.eventId, b.eventId);
  assert.deepEqual(
    [a.userKey, a.productKey, a.occurredAt],
    [b.userKey, b.productKey, b.occurredAt],
  );
  const kept = JSON.parse(stored(b));
  assert.equal(kept.subject, "Sipariş 42 €");
  assert.equal(kept.partner, "ü");
  assert.deepEqual(kept.data, { user_id: "u", product: { id: "p" } });
});

test("binary data is kept: JSON byte for byte, anything else as base64", () => {
  const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t" };
  const send = (body: string | Buffer, contentType?: string) =>
    checkBinary(
      Buffer.from(body),
      contentType === undefined ? headers : { ...headers, "content-type": contentType },
      receipt,
    );
  assert.equal(
    stored(record(send(' {"n": 1.50} ', "application/vnd.shop+json; charset=utf-8"))),
    '{"datacontenttype":"application/vnd.shop+json; charset=utf-8","id":"1","source":"s","specversion":"1.0","type":"t","data":{"n": 1.50}}',
  );
  const bytes = Buffer.from([0, 255, 10]);
  assert.equal(
    JSON.parse(stored(record(send(bytes, "image/png")))).data_base64,
    bytes.toString("base64"),
  );
  assert.equal(JSON.parse(stored(record(send("", "application/json")))).data, undefined);
  const broken = send('{"n":', "application/json");
  assert.equal(broken.kind === "rejection" && broken.code, "malformed_json");
  const nul = send('{"n":"\\u0000"}', "application/json");
  assert.equal(nul.kind === "rejection" && nul.pointer, "/data/n");
});

test("headers that are not attributes cannot inject members", () => {
  const send = (headers: Record<string, string>) =>
    checkBinary(
      Buffer.from("{}"),
      {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "s",
        "ce-type": "t",
        "content-type": "application/json",
        ...headers,
      },
      receipt,
    );
  assert.equal(send({ "ce-data": "x" }).kind, "rejection");
  assert.equal(send({ "ce-__proto__": "x" }).kind, "rejection");
  assert.equal(send({ "ce-subject": "%ff" }).kind, "rejection");
  assert.equal(send({ "ce-subject": "caf\u00e9" }).kind, "rejection");
  assert.equal(JSON.parse(stored(record(send({ "ce-subject": 'a","id":"2' })))).id, "1");
  assert.equal(JSON.parse(stored(record(send({ "ce-subject": "100% %41" })))).subject, "100% A");
});

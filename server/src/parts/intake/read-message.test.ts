import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageHeader } from "../../core/ports/messages.ts";
import { textHeaders } from "./message-headers.ts";
import { formatOf, identityOfMessage, messageKey, readMessage } from "./read-message.ts";
import { userOf } from "./user-of.ts";

const place = { topicId: "0b0e0000-0000-4000-8000-000000000001", partition: 2, offset: 41n };
const identityOf = (where: typeof place, sent: Parameters<typeof headersOf>[0] = {}): string =>
  identityOfMessage(where, textHeaders(headersOf(sent)));
const receipt = { serviceId: 5, now: 1_700_000_000_000, newId: () => identityOf(place) };

function headersOf(sent: Readonly<Record<string, string | Buffer | null>>): MessageHeader[] {
  return Object.entries(sent).map(([name, value]) => [
    Buffer.from(name),
    typeof value === "string" ? Buffer.from(value) : value,
  ]);
}

function read(value: string | Buffer | null, sent: Parameters<typeof headersOf>[0] = {}) {
  const headers = headersOf(sent);
  const format = formatOf(textHeaders(headers));
  if (typeof format !== "string") return format;
  return readMessage(
    { value: typeof value === "string" ? Buffer.from(value) : value, headers },
    format,
    receipt,
  );
}

/** The stored text of an event, or the code of its refusal. */
function outcome(...message: Parameters<typeof read>): string {
  const found = read(...message);
  return found.kind === "record" ? found.body.toString("utf8", found.start, found.end) : found.code;
}

const native = '{"event_type":"product.view","user_id":"u1"}';
const cloud = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"user_id":"u2"}}';
const ce = { ce_specversion: "1.0", ce_id: "1", ce_source: "/s", ce_type: "t" };

test("a native event without a content type, or as JSON, is stored byte for byte", () => {
  assert.equal(outcome(native), native);
  assert.equal(outcome(native, { "content-type": "application/json; charset=utf-8" }), native);
  assert.equal(outcome(native, { "content-type": "Application/JSON" }), native);
});

test("a CloudEvent in structured mode is stored byte for byte, whatever headers it has besides", () => {
  const type = { "content-type": "application/cloudevents+json; charset=UTF-8" };
  assert.equal(outcome(cloud, type), cloud);
  assert.equal(outcome(cloud, { ...type, ...ce, ce_id: "other" }), cloud);
});

test("a CloudEvent in binary mode has its attributes in headers, in UTF-8 and not percent-encoded", () => {
  const sent = { ...ce, ce_subject: "100 % caf\u00e9 %41", "content-type": "application/json" };
  assert.equal(
    outcome('{"user_id":"u3"}', sent),
    '{"datacontenttype":"application/json","id":"1","source":"/s","specversion":"1.0","subject":"100 % caf\u00e9 %41","type":"t","data":{"user_id":"u3"}}',
  );
});

test("data of a binary CloudEvent that is no JSON is kept as base64; a message without value has no data", () => {
  const bytes = Buffer.from([0, 255, 254]);
  assert.match(
    outcome(bytes, { ...ce, "content-type": "application/avro" }),
    /"data_base64":"AP\/\+"/,
  );
  assert.match(outcome(bytes, ce), /"data_base64":"AP\/\+"/);
  assert.doesNotMatch(outcome(null, ce), /data/);
});

test("every class of bad message is refused with the code that HTTP gives", () => {
  const json = { "content-type": "application/json" };
  const structured = { "content-type": "application/cloudevents+json" };
  const cases: [string, ...Parameters<typeof read>][] = [
    ["malformed_json", null],
    ["malformed_json", ""],
    ["malformed_json", "{"],
    ["malformed_json", `${native}${native}`],
    ["malformed_json", "hello", structured],
    ["malformed_json", "{", { ...ce, ...json }],
    ["invalid_event", "[]"],
    ["invalid_event", "{}"],
    ["invalid_event", '{"event_type":"x","extra":1}'],
    ["invalid_event", Buffer.from([...Buffer.from('{"event_type":"'), 0xff, ...Buffer.from('"}')])],
    ["invalid_event", '{"event_type":"x","properties":{"a":"\\u0000"}}'],
    ["invalid_event", "{}", structured],
    ["invalid_event", "1", { ...ce, ce_specversion: "0.3", ...json }],
    ["invalid_event", "1", { ce_id: "1", ...json }],
    ["invalid_event", "1", { ...ce, ce_subject: Buffer.from([0xff]), ...json }],
    ["invalid_event", "1", { ...ce, ce_subject: null, ...json }],
    ["invalid_event", "1", { ...ce, "ce_Not-A-Name": "x", ...json }],
    ["too_large", `{"event_type":"x","properties":{"a":"${"x".repeat(70_000)}"}}`],
    ["unsupported_media_type", cloud, { "content-type": "application/cloudevents-batch+json" }],
    ["unsupported_media_type", "x", { "content-type": "application/cloudevents+avro" }],
    ["unsupported_media_type", "x", { "content-type": "text/plain" }],
  ];
  for (const [code, ...message] of cases)
    assert.equal(outcome(...message), code, String(message[0]));
});

test("an attribute that is sent twice is refused: which one is meant cannot be known", () => {
  const headers = [...headersOf(ce), ...headersOf({ ce_id: "2" })];
  const found = readMessage({ value: null, headers }, "binary", receipt);
  assert.equal(found.kind === "refusal" && found.code, "invalid_event");
});

test("an event without an id has the same identity each time that its message is read", () => {
  const [first, again] = [read(native), read(native)];
  assert.ok(first.kind === "record" && again.kind === "record");
  assert.equal(first.eventId, again.eventId);
  assert.notEqual(identityOf({ ...place, offset: 42n }), first.eventId);
  assert.notEqual(identityOf({ ...place, partition: 1 }), first.eventId);
  assert.notEqual(identityOf({ ...place, topicId: "other" }), first.eventId);
  const copied = { "weir-message-id": messageKey(place) };
  assert.equal(identityOf({ ...place, offset: 99n }, copied), first.eventId);
  assert.notEqual(identityOf(place, { "weir-message-id": "other" }), first.eventId);
  assert.equal(identityOf(place, { "weir-message-id": "not valid" }), first.eventId);
});

test("the user of a message that is no event is found where the event would name it", () => {
  const found = (text: string) => userOf(Buffer.from(text));
  assert.equal(found('{"user_id":"u1","x":1}'), "u1");
  assert.equal(found('{"anonymous_id":"a1"}'), "anonymous:a1");
  assert.equal(found('{"data":{"user_id":"u2"}}'), "u2");
  for (const text of ["", "{", "[]", "null", '{"user_id":{}}', '{"user_id":"a\\u0000"}']) {
    assert.equal(found(text), null, text);
  }
  assert.equal(userOf(null), null);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { closeReasons, rawEventSchema, topics } from "@weir/protocol";
import { Ajv } from "ajv";
import { eventFrame } from "../../parts/gateway/event-frame.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import type { Json } from "./openapi-schemas.ts";

interface Message {
  readonly payload: object;
  readonly headers?: object;
  readonly examples: readonly { readonly headers?: unknown; readonly payload: unknown }[];
}

const document = JSON.parse(JSON.stringify(asyncApiDocument("0.0.0"))) as Json & {
  readonly channels: Readonly<Record<string, { readonly address: string } & Json>>;
  readonly operations: Readonly<Record<string, Json>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
};

// AsyncAPI's schema objects are those of draft 07, the default of Ajv; one schema holds all, so that
// references are found
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "weir:asyncapi", ...document });

function validatorOf(schema: object) {
  const text = JSON.stringify(schema).replaceAll('"#/components/', '"weir:asyncapi#/components/');
  return ajv.compile(JSON.parse(text) as object);
}

function found(reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((value, name) => (value as Json | undefined)?.[name], document);
}

test("the document is valid by AsyncAPI's own schema", () => {
  const specification = "@asyncapi/specs/schemas/3.0.0-without-$id.json";
  const file = createRequire(import.meta.url).resolve(specification);
  const official = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const validate = official.compile(JSON.parse(readFileSync(file, "utf8")) as object);
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
  // the check itself: what the specification forbids is refused
  assert.ok(!validate({ ...document, channels: { events: { addresss: "events" } } }));
  assert.ok(!validate({ ...document, operations: { a: { action: "publish" } } }));
});

test("every reference leads somewhere", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#[^"]+)"/g)];
  assert.ok(references.length > 50);
  for (const [, reference = ""] of references) {
    assert.notEqual(found(reference), undefined, reference);
  }
});

test("every message has examples, which match its schemas", () => {
  for (const [name, message] of Object.entries(document.components.messages)) {
    assert.ok(message.examples.length > 0, name);
    const payload = validatorOf(message.payload);
    const headers = message.headers === undefined ? undefined : validatorOf(message.headers);
    for (const example of message.examples) {
      assert.ok(payload(example.payload), `${name}: ${JSON.stringify(payload.errors)}`);
      assert.ok(headers?.(example.headers) ?? true, `${name}: ${JSON.stringify(headers?.errors)}`);
    }
  }
});

test("all topics and the live feed are channels, each with an operation", () => {
  const addresses = Object.values(document.channels).map(({ address }) => address);
  assert.deepEqual(addresses.sort(), [...Object.values(topics), "/ws/events"].sort());
  const used = Object.values(document.operations).map(({ channel }) => (channel as Json)["$ref"]);
  for (const name of Object.keys(document.channels)) {
    assert.ok(used.includes(`#/channels/${name}`), name);
  }
  for (const code of Object.keys(closeReasons)) {
    assert.match(String(document.channels["liveFeed"]?.["description"]), new RegExp(code));
  }
});

test("the frame of an event that the gateway writes matches its schema", () => {
  const frame = eventFrame("abc", {
    xid: 1n,
    eventId: "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
    serviceId: 1,
    eventRef: null,
    eventType: "purchase",
    source: "shop",
    format: "native",
    receivedAt: "2024-01-15T10:30:00.412345Z",
    occurredAt: "2024-01-15T10:30:00.000000Z",
    userKey: null,
    productKey: "lamp-1",
    payload: '{"event_type":"purchase"}',
  });
  const validate = validatorOf(document.components.messages["ServerEvent"]?.payload ?? {});
  assert.ok(validate(JSON.parse(frame)), JSON.stringify(validate.errors));
  assert.equal(rawEventSchema["$id"], "RawEvent");
});

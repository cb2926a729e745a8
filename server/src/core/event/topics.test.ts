/** The schemas of the topics, by the validator: the protocol itself has no dependencies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cloudEventHeadersSchema,
  dlqHeadersSchema,
  eventFactsSchema,
  eventHeaders,
  eventHeadersSchema,
  eventMessageSchema,
  eventMessageType,
  rawDataHeadersSchema,
} from "@weir/protocol";
import { Ajv2020 } from "ajv/dist/2020.js";

const ajv = new Ajv2020({ allowUnionTypes: true, validateFormats: false });

test("each schema of a topic accepts its own example", () => {
  for (const schema of [eventMessageSchema, dlqHeadersSchema]) {
    const [example] = schema["examples"] as unknown[];
    const validate = ajv.compile(schema);
    assert.ok(validate(example), JSON.stringify(validate.errors));
  }
});

test("an events message may have members of a later minor change, and lacks none of the present", () => {
  const validate = ajv.compile(eventFactsSchema);
  const [example] = eventMessageSchema["examples"] as Record<string, unknown>[];
  assert.ok(validate({ ...example, later: true }));
  assert.ok(!validate({ ...example, version: 2 }));
  for (const name of eventFactsSchema["required"] as string[]) {
    const { [name]: _left, ...rest } = example as Record<string, unknown>;
    assert.ok(!validate(rest), name);
  }
});

test("headers of one kind are not accepted as those of another", () => {
  const headers = {
    [eventHeaders.contentType]: eventMessageType,
    [eventHeaders.service]: "shop",
    [eventHeaders.eventType]: "purchase",
    [eventHeaders.eventId]: "1",
  };
  assert.ok(ajv.validate(eventHeadersSchema, headers));
  assert.ok(!ajv.validate(eventHeadersSchema, { ...headers, "content-type": "application/json" }));
  assert.ok(ajv.validate(rawDataHeadersSchema, {}));
  assert.ok(!ajv.validate(cloudEventHeadersSchema, {}));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventHeaders, eventMessageType, rawDataHeaders, topics } from "./topics.ts";

test("the names of topics and headers are those that other systems have configured", () => {
  assert.deepEqual(Object.values(topics), ["events", "raw_data", "raw_data.dlq", "events.dlq"]);
  assert.equal(eventMessageType, "application/vnd.weir.event+json; version=1");
  assert.equal(rawDataHeaders.key, "weir-key");
  assert.deepEqual(Object.values(eventHeaders), [
    "content-type",
    "weir-service",
    "weir-event-type",
    "weir-event-id",
    "traceparent",
  ]);
});

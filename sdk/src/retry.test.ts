import assert from "node:assert/strict";
import { test } from "node:test";
import { eventSchema, limits } from "@weir/protocol";
import { encodeEvent } from "./encode-event.ts";
import { parseRetryAfter, retryDelay } from "./retry.ts";
import { contract } from "./settings.ts";
import { uuidV7 } from "./uuid-v7.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

test("Retry-After is read as seconds or as an HTTP date, and ignored otherwise", () => {
  const cases: readonly [string | null, number | undefined][] = [
    [null, undefined],
    ["0", 0],
    ["3", 3_000],
    [" 120 ", 120_000],
    ["Sat, 21 Nov 2026 10:00:05 GMT", 5_000],
    ["Saturday, 21-Nov-26 10:00:05 GMT", 5_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["", undefined],
    ["999999999", 3_600_000],
  ];
  for (const [header, expected] of cases) {
    assert.equal(parseRetryAfter(header, now), expected, String(header));
  }
});

test("a wait grows with the failures, stays within its limits, and is never shorter than Retry-After", () => {
  const policy = { baseMs: 100, maxMs: 5_000, maxAttempts: Number.POSITIVE_INFINITY };
  assert.equal(retryDelay(policy, { failures: 1, random: 0.5 }), 50);
  assert.equal(retryDelay(policy, { failures: 4, random: 1 }), 800);
  assert.equal(retryDelay(policy, { failures: 1_000, random: 1 }), 5_000);
  assert.equal(retryDelay(policy, { failures: 3, random: 0, retryAfterMs: 2_000 }), 2_000);
  assert.equal(retryDelay(policy, { failures: 3, random: 1, retryAfterMs: 2_000 }), 2_200);
});

test("an id is a UUIDv7 that carries its millisecond and sorts by it", () => {
  const bytes = new Uint8Array(16).fill(0xff);
  const id = uuidV7(now, bytes);
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), now);
  assert.ok(uuidV7(now + 1, new Uint8Array(16)) > id);
});

test("an event gets an id and a time, keeps its own, and is refused if JSON cannot represent it", () => {
  const made = encodeEvent({ event_type: "product.view" }, now);
  assert.ok("json" in made);
  assert.deepEqual(JSON.parse(made.json), {
    event_type: "product.view",
    event_id: made.event_id,
    timestamp: "2026-11-21T10:00:00.000Z",
  });
  const own = encodeEvent(
    { event_id: "order-7", event_type: "purchase", timestamp: new Date(now - 1000) },
    now,
  );
  assert.ok("json" in own);
  assert.equal(own.event_id, "order-7");
  assert.equal(JSON.parse(own.json).timestamp, "2026-11-21T09:59:59.000Z");
  assert.equal(encodeEvent({ event_type: "ü€" }, now).event_type, "ü€");
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const circular = encodeEvent({ event_type: "x", properties: loop }, now);
  assert.ok("problem" in circular && /circular/i.test(circular.problem));
  const invalid = encodeEvent({ event_type: "x", timestamp: new Date(Number.NaN) }, now);
  assert.ok("problem" in invalid);
});

test("the limits of the client equal those of the contract", () => {
  assert.deepEqual(contract, {
    eventBytes: limits.eventBytes,
    batchEvents: limits.batchEvents,
    batchBytes: limits.batchBytes,
  });
  assert.equal(eventSchema["$id"], "Event");
});

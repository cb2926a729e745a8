import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestIngest } from "../../../test/helpers/ingest.ts";
import { DatabaseError } from "../../core/ports/database.ts";

const event = JSON.stringify({ event_type: "x" });
const cloudEvent = JSON.stringify({ specversion: "1.0", id: "1", source: "s", type: "t" });
const message = JSON.stringify({ event: "x", userId: "u" });
const structured = { contentType: "application/cloudevents+json" };
const batched = { contentType: "application/cloudevents-batch+json" };

/** Every way to send events: path, body, headers. */
const ways = [
  ["/api/events/", event, {}],
  ["/api/events/batch", `[${event},${event}]`, {}],
  ["/api/events/batch", `${event}\n${event}`, { contentType: "application/x-ndjson" }],
  ["/v1/track", message, {}],
  ["/v1/batch", `{"batch":[{"type":"track","event":"x","userId":"u"}]}`, {}],
  ["/cloudevents", cloudEvent, structured],
  ["/cloudevents", `[${cloudEvent}]`, batched],
] as const;

test("without disk space every way to send events is answered 503 with the reason, and takes nothing from the rate limit", async (t) => {
  const storage = { refusal: undefined as string | undefined, full() {} };
  let appended = 0;
  const { send } = createTestIngest(t, {
    log: {
      async append() {
        appended++;
        return null;
      },
      async prepareDays() {},
    },
    storage,
    ratePolicy: { eventsPerSecond: 1, burstEvents: 20 },
  });
  storage.refusal = "the disk of the database has 1 MiB left";
  for (const [path, body, about] of [...ways, ...ways, ...ways]) {
    const answer = await send(path, body, about);
    assert.equal(answer.status, 503, path);
    assert.match(answer.headers["content-type"] ?? "", /^application\/problem\+json/);
    assert.equal(answer.headers["retry-after"], "5");
    const { code, detail, retryable } = answer.body as Record<string, unknown>;
    assert.deepEqual([code, detail, retryable], ["storage_full", storage.refusal, true]);
  }
  assert.equal(appended, 0);
  storage.refusal = undefined;
  for (const [path, body, about] of ways) {
    const { status } = await send(path, body, about);
    assert.ok(status === 200 || status === 202, `${path}: ${status}`);
  }
});

test("a commit that fails for lack of space is answered in the same way, and reported", async (t) => {
  let reports = 0;
  const full = new DatabaseError("could not extend file", { code: "53100", retryable: true });
  const { send } = createTestIngest(t, {
    log: { append: () => Promise.reject(full), async prepareDays() {} },
    storage: {
      refusal: undefined,
      full() {
        reports++;
      },
    },
  });
  for (const [path, body, about] of ways) {
    const answer = await send(path, body, about);
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "5"], path);
    assert.equal((answer.body as { code: string }).code, "storage_full");
  }
  assert.equal(reports, ways.length);
});

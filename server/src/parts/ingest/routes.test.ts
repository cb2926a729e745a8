import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { limits } from "@weir/protocol";
import fc from "fast-check";
import { createTestDatabase } from "../../../../testing/database.ts";
import { createTestIngest } from "../../../test/helpers/ingest.ts";
import { identityOf } from "../../core/event/record.ts";

const database = await createTestDatabase({ after });
const { ingest, send } = createTestIngest({ after }, { database: database.ingest });
await ingest.prepare();

const single = "/api/events/";
const batch = "/api/events/batch";
const ndjson = { contentType: "application/x-ndjson" };

async function storedPayload(id: string): Promise<string | undefined> {
  const { eventId } = identityOf(id, { serviceId: 1, now: 0, newId: () => "" });
  const rows = await database.owner.query<{ payload: string }>({
    text: "select payload from raw.events where event_id = $1",
    values: [eventId],
  });
  assert.ok(rows.length <= 1);
  return rows[0]?.payload;
}

test("one event: accepted, then a duplicate, and a conflict with different content", async () => {
  const event_id = randomUUID();
  const first = await send(single, JSON.stringify({ event_id, event_type: "x" }));
  assert.deepEqual([first.status, first.body], [202, { event_id, verdict: "accepted" }]);
  const again = await send(single, JSON.stringify({ event_id, event_type: "x" }));
  assert.deepEqual([again.status, again.body], [202, { event_id, verdict: "duplicate" }]);
  const other = await send(single, JSON.stringify({ event_id, event_type: "y" }));
  assert.deepEqual([other.status, other.body.code, other.body.retryable], [409, "conflict", false]);
  assert.equal(await storedPayload(event_id), JSON.stringify({ event_id, event_type: "x" }));
});

test("the same event through another entry point is a conflict, never a second event", async () => {
  const event_id = randomUUID();
  await send(single, JSON.stringify({ event_id, event_type: "x" }));
  const answer = await send(batch, JSON.stringify([{ event_id, event_type: "x" }]));
  assert.equal(answer.body.results[0].verdict, "duplicate");
  const segment = await send("/v1/track", JSON.stringify({ messageId: event_id, event: "x" }));
  assert.equal(segment.status, 400);
});

test("an event without an id gets one, and is stored under it", async () => {
  const { body } = await send(single, '{"event_type":"x"}');
  assert.match(body.event_id, /^[0-9a-f-]{36}$/);
  assert.equal(await storedPayload(body.event_id), '{"event_type":"x"}');
});

test("a request that a proxy sends twice stores its events once, also those without an id", async () => {
  const repeatId = randomUUID().replaceAll("-", "");
  const wanted = { repeatId };
  const events = ["one", "one", "two"].map((event_type) => ({ event_type }));
  const first = await send(batch, JSON.stringify(events), wanted);
  const again = await send(batch, JSON.stringify(events), wanted);
  const of = (answer: typeof first, key: "event_id" | "verdict") =>
    answer.body.results.map((result: Record<string, string>) => result[key]);
  assert.deepEqual(of(first, "verdict"), ["accepted", "accepted", "accepted"]);
  assert.equal(new Set(of(first, "event_id")).size, 3);
  assert.deepEqual(of(again, "event_id"), of(first, "event_id"));
  assert.deepEqual(of(again, "verdict"), ["duplicate", "duplicate", "duplicate"]);
  const other = await send(batch, JSON.stringify(events), {
    repeatId: randomUUID().replaceAll("-", ""),
  });
  assert.deepEqual(of(other, "verdict"), ["accepted", "accepted", "accepted"]);
});

test("a rejected single event gets a status, a code, the member and how to fix it", async () => {
  const cases: [string | Buffer, number, string, RegExp][] = [
    ["", 400, "malformed_json", /empty/],
    ["{", 400, "malformed_json", /does not close/],
    ['{"event_type":"x"} {}', 400, "malformed_json", /follows/],
    ['{"event_type":"x",}', 400, "malformed_json", /not valid JSON/],
    ["5", 422, "invalid_event", /must be object/],
    ["[]", 422, "invalid_event", /an array.*POST \/api\/events\/batch/],
    ['{"events":[{}]}', 422, "invalid_event", /"events".*POST \/api\/events\/batch/],
    ['{"source":"x","records":[{}]}', 422, "invalid_event", /"records".*POST \/api\/events\/batch/],
    ["{}", 422, "invalid_event", /event_type is missing/],
    ['{"event_type":"\\u0000"}', 422, "invalid_event", /u0000/],
    [Buffer.from('{"event_type":"\xff"}', "latin1"), 422, "invalid_event", /UTF-8/],
    [`{"event_type":"x","properties":{"a":"${"x".repeat(70_000)}"}}`, 413, "too_large", /65536/],
  ];
  for (const [body, status, code, words] of cases) {
    const answer = await send(single, body);
    assert.equal(answer.status, status, String(body).slice(0, 40));
    assert.equal(answer.body.code, code);
    assert.match(answer.body.detail, words);
  }
  const { body } = await send(single, '{"event_type":"x","product":{"id":1}}');
  assert.deepEqual(body.errors[0].pointer, "/product/id");
});

test("a batch answers for each event in the order sent, whatever its verdict", async () => {
  const [a, b, c] = [randomUUID(), randomUUID(), "order 5"];
  await send(single, JSON.stringify({ event_id: a, event_type: "x" }));
  const events = [
    { event_id: b, event_type: "x" },
    { event_id: a, event_type: "x" },
    { event_id: "bad", event_type: "" },
    { event_id: a, event_type: "y" },
    { event_id: c, event_type: "x" },
    { event_id: b, event_type: "x" },
  ];
  const { status, body } = await send(batch, JSON.stringify(events));
  assert.equal(status, 202);
  assert.deepEqual(
    body.results.map((one: { event_id: string; verdict: string }) => [one.event_id, one.verdict]),
    [
      [b, "accepted"],
      [a, "duplicate"],
      ["bad", "rejected"],
      [a, "conflict"],
      [c, "accepted"],
      [b, "duplicate"],
    ],
  );
  const lines = await send(batch, events.map((e) => JSON.stringify(e)).join("\n"), ndjson);
  assert.deepEqual(
    lines.body.results.map((one: { verdict: string }) => one.verdict),
    ["duplicate", "duplicate", "rejected", "conflict", "duplicate", "duplicate"],
  );
});

test("a batch without any valid event is a 422 with all its results", async () => {
  const { status, body } = await send(batch, '[{},{"event_type":1}]');
  assert.equal(status, 422);
  assert.equal(body.results.length, 2);
});

test("the answer to a body that is no array says what to send instead", async () => {
  const cases: [string, string, RegExp][] = [
    ['{"events":[{"event_type":"x"}]}', "invalid_request", /an array in "events"; send the array/],
    [' {"writer":"a","batch":[]}', "invalid_request", /an array in "batch"; send the array itself/],
    ['{"data":{"a":1}}', "invalid_request", /JSON object; send an array of events/],
    ['{"event_type":"x","properties":{}}', "invalid_request", /a single event; send an array/],
    ['{"event_type":"x"}\n{"event_type":"y"}', "invalid_request", /application\/x-ndjson/],
    ['{"events":[', "malformed_json", /an array was expected/],
    ['{"events"}', "malformed_json", /an array was expected/],
    ["hello", "malformed_json", /an array was expected/],
  ];
  for (const [body, code, words] of cases) {
    const answer = await send(batch, body);
    assert.deepEqual(
      [answer.status, answer.body.code],
      [code === "malformed_json" ? 400 : 422, code],
    );
    assert.match(answer.body.detail, words);
  }
  const cloud = { contentType: "application/cloudevents-batch+json" };
  const one = await send("/cloudevents", '{"specversion":"1.0","id":"1"}', cloud);
  assert.deepEqual([one.status, one.body.code], [422, "invalid_request"]);
  assert.match(one.body.detail, /a single event; send an array of events/);
});

test("a malformed batch is refused as a whole", async () => {
  assert.equal((await send(batch, "[{]")).status, 400);
  assert.equal((await send(batch, "[]")).status, 422);
  assert.equal((await send(batch, "\n\n", ndjson)).status, 422);
  const many = `[${Array(limits.batchEvents + 1)
    .fill('{"event_type":"x"}')
    .join(",")}]`;
  const refused = await send(batch, many);
  assert.deepEqual([refused.status, refused.body.code], [413, "too_large"]);
  const full = `[${Array(limits.batchEvents).fill('{"event_type":"x"}').join(",")}]`;
  assert.equal((await send(batch, full)).body.results.length, limits.batchEvents);
});

/** Events of every kind, right and wrong, as JSON text with odd white space and number forms. */
const someJson = fc.json({ maxDepth: 3 });
const someEvent = fc
  .record({
    event_type: fc.oneof(
      fc.constantFrom('"x"', '"Order Completed"', '""', "null", '"a\\u0000"', '"ğ"'),
      someJson,
    ),
    rest: fc.array(
      fc.oneof(
        fc.tuple(
          fc.constant("properties"),
          fc.oneof(
            someJson,
            someJson.map((j) => `{"p":${j}}`),
          ),
        ),
        fc.tuple(fc.constantFrom("user_id", "anonymous_id", "session_id"), someJson),
        fc.tuple(
          fc.constant("timestamp"),
          fc.constantFrom('"2024-01-15T10:30:00Z"', '"2024-02-30T00:00:00Z"', "null", "5"),
        ),
        fc.tuple(
          fc.constant("product"),
          fc.constantFrom('{"id":"p","price":1.50}', '{"id":"p","price":1e2}', "{}", "null"),
        ),
        fc.tuple(fc.string({ maxLength: 5 }), someJson),
      ),
      { maxLength: 4 },
    ),
    space: fc.constantFrom("", " ", "\n\t"),
  })
  .map(({ event_type, rest, space }) => {
    const unique = new Map(rest.filter(([name]) => !["event_type", "event_id"].includes(name)));
    const members = [...unique].map(([name, value]) => `${JSON.stringify(name)}:${space}${value}`);
    return (id: string) =>
      `{${[`"event_id":"${id}"`, `"event_type":${event_type}`, ...members].join(`,${space}`)}}`;
  });

test("an event gets the same verdict alone and in a batch, and its bytes are stored as sent", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someEvent, { minLength: 1, maxLength: 8 }), async (events) => {
      const alone = events.map((event) => event(randomUUID()));
      const ids = events.map(() => randomUUID());
      const together = events.map((event, n) => event(ids[n] as string));
      const answer = await send(batch, `[${together.join(" , ")}]`);
      const singles = await Promise.all(alone.map((event) => send(single, event)));
      for (const [n, one] of singles.entries()) {
        const result = answer.body.results[n];
        assert.equal(result.verdict, one.status === 202 ? "accepted" : "rejected", alone[n]);
        if (one.status !== 202) assert.equal(result.code, one.body.code);
        if (one.status !== 202) assert.equal(result.detail, one.body.detail);
        const kept = one.status === 202 ? together[n] : undefined;
        assert.equal(await storedPayload(ids[n] as string), kept);
      }
    }),
    { numRuns: 60 },
  );
});

test("a key has a rate limit; a batch larger than what remains is refused as a whole", async (t) => {
  const limited = createTestIngest(t, {
    database: database.ingest,
    ratePolicy: { eventsPerSecond: 5, burstEvents: 10 },
    now: () => 1_767_225_600_000,
  });
  const events = (count: number) => JSON.stringify(Array(count).fill({ event_type: "x" }));
  const first = await limited.send(batch, events(8));
  assert.equal(first.status, 202);
  assert.equal(first.headers["ratelimit-policy"], '"events";q=10;w=2');
  assert.equal(first.headers["ratelimit"], '"events";r=2;t=2');
  const refused = await limited.send(batch, events(3));
  assert.deepEqual([refused.status, refused.body.code], [429, "rate_limited"]);
  assert.equal(refused.headers["retry-after"], "1");
  assert.equal(refused.headers["ratelimit"], '"events";r=2;t=2');
  assert.match(refused.body.detail, /2 more events now.*no event of this request was accepted/);
  assert.equal((await limited.send(batch, events(2))).status, 202);
  assert.equal((await limited.send(single, '{"event_type":"x"}')).status, 429);
  assert.equal((await limited.send("/v1/track", '{"event":"x"}')).status, 429);
  const other = await limited.send(single, '{"event_type":"x"}', { keyId: "another" });
  assert.equal(other.status, 202);
  const never = await limited.send(batch, events(11), { keyId: "third" });
  assert.match(never.body.detail, /at most 10/);
});

test("Segment's own client works unchanged, and its events are stored once", async () => {
  const requests: { body: string; status: number }[] = [];
  const errors: unknown[] = [];
  const client = new Analytics({
    writeKey: "weir_test_key",
    host: "http://weir.test",
    flushAt: 5,
    maxRetries: 1,
    httpClient: async (url, options) => {
      const body = String(options?.body);
      const answer = await send(new URL(url).pathname, body);
      requests.push({ body, status: answer.status });
      return new Response(JSON.stringify(answer.body), { status: answer.status });
    },
  });
  client.on("error", (error) => errors.push(error));
  const messageId = `test-${randomUUID()}`;
  client.track({
    userId: "u1",
    event: "Order Completed",
    messageId,
    properties: { revenue: 12.5, currency: "TRY", products: [{ product_id: "p1", price: 12.5 }] },
  });
  client.identify({ userId: "u1", traits: { email: "a@example.com" } });
  client.page({ anonymousId: "a1", name: "Home" });
  client.group({ userId: "u1", groupId: "g1" });
  client.alias({ userId: "u1", previousId: "a1" });
  await client.closeAndFlush();
  assert.deepEqual(errors, []);
  assert.deepEqual(
    requests.map(({ status }) => status),
    [200],
  );
  const [request] = requests;
  // as after an answer that was lost on the way
  const again = await send(
    "/v1/batch",
    request?.body.replace(/"sentAt":"[^"]+"/, `"sentAt":"${new Date().toISOString()}"`) ?? "",
  );
  assert.deepEqual(
    again.body.results.map((one: { verdict: string }) => one.verdict),
    Array(5).fill("duplicate"),
  );
  const { eventId } = identityOf(messageId, { serviceId: 1, now: 0, newId: () => "" });
  const rows = await database.owner.query<Record<string, unknown>>({
    text: "select format, event_ref, event_type, user_key, product_key, amount::text, currency from raw.events where event_id = $1",
    values: [eventId],
  });
  assert.deepEqual(
    { ...rows[0] },
    {
      format: 1,
      event_ref: messageId,
      event_type: "Order Completed",
      user_key: "u1",
      product_key: "p1",
      amount: "12.5",
      currency: "TRY",
    },
  );
});

test("Segment's client does not retry what can never be stored", async () => {
  const bad = '{"type":"track"}';
  const good = '{"type":"page","anonymousId":"a"}';
  const mixed = await send("/v1/batch", `{"batch":[${bad},${good}],"sentAt":"x"}`);
  assert.equal(mixed.status, 200);
  assert.deepEqual(
    mixed.body.results.map((one: { verdict: string }) => one.verdict),
    ["rejected", "accepted"],
  );
  for (const body of [
    `{"batch":[${bad}]}`,
    '{"batch":{}}',
    '{"batch":[{]}',
    "[]",
    "",
    '{"batch":[]}',
    `{"batch":[${Array(2_001).fill(good).join(",")}]}`,
  ]) {
    assert.equal((await send("/v1/batch", body)).status, 400, body);
  }
  assert.equal((await send("/v1/track", "{}")).status, 400);
});

test("a CloudEvent is the same event structured, binary and batched", async () => {
  const event = { specversion: "1.0", id: randomUUID(), source: "/test", type: "order.created" };
  const path = "/cloudevents";
  const contentType = "application/cloudevents+json; charset=UTF-8";
  const first = await send(path, JSON.stringify(event), { contentType });
  assert.deepEqual([first.status, first.body], [202, { event_id: event.id, verdict: "accepted" }]);
  const batched = await send(path, JSON.stringify([event, { ...event, id: "other" }, {}]), {
    contentType: "application/cloudevents-batch+json",
  });
  assert.deepEqual(
    batched.body.results.map((one: { verdict: string }) => one.verdict),
    ["duplicate", "accepted", "rejected"],
  );
  const binary = await send(path, '{"user_id":"u"}', {
    headers: {
      "ce-specversion": "1.0",
      "ce-id": event.id,
      "ce-source": "/other",
      "ce-type": "order.created",
    },
  });
  assert.deepEqual([binary.status, binary.body.verdict], [202, "accepted"]);
  const nothing = await send(path, "{}");
  assert.equal(nothing.status, 415);
  const invalid = await send(path, "{}", { contentType });
  assert.deepEqual([invalid.status, invalid.body.code], [422, "invalid_event"]);
});

test("while Weir's clocks contradict each other, a timestamp that is too late for them is to be sent again", async (t) => {
  const doubting = createTestIngest(t, {
    database: database.ingest,
    clock: { latest: Date.now, inDoubt: () => true },
  });
  const timestamp = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const event = JSON.stringify({ event_id: randomUUID(), event_type: "x", timestamp });
  const alone = await doubting.send(single, event);
  assert.deepEqual(
    [alone.status, alone.body.code, alone.body.retryable, alone.headers["retry-after"]],
    [503, "unavailable", true, "30"],
  );
  const mixed = await doubting.send(batch, `[${event}, {"event_type":"x"}]`);
  assert.equal(mixed.status, 202);
  assert.deepEqual(
    mixed.body.results.map(({ verdict }: { verdict: string }) => verdict),
    ["retry", "accepted"],
  );
  assert.equal((await doubting.send(batch, `[${event}]`)).status, 503);
  const segment = { messageId: "late", event: "x", timestamp };
  assert.equal((await doubting.send("/v1/track", JSON.stringify(segment))).status, 503);
  const sure = await send(single, event);
  assert.deepEqual([sure.status, sure.body.code], [422, "invalid_event"]);
});

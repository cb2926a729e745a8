/**
 * Promise: a poisoned event is refused with a reason and hurts no other event of its batch, wherever
 * it is; what is odd but allowed is kept byte for byte.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { createTestDatabase } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { contentHash } from "../../src/core/event/content-hash.ts";
import { identityOf } from "../../src/core/event/record.ts";
import { createRawLog } from "../../src/parts/ingest/raw-log.ts";
import { type Hostile, hostilePayloads } from "../helpers/hostile.ts";
import { createTestIngest } from "../helpers/ingest.ts";

interface Result {
  readonly verdict: string;
  readonly code?: string;
  readonly detail?: string;
}
type Send = (batch: Buffer) => Promise<readonly Result[]>;

const database = await createTestDatabase({ after });
const weir = createTestIngest({ after }, { database: database.ingest });
await weir.ingest.prepare();

const neighbours = 3;

function goodEvent(id: string): Buffer {
  return Buffer.from(
    `{"event_id":"${id}", "event_type":"product.view","user_id":"ü 😀","properties":{"n":[1.50,1e2,{"a":"\\u00e9"}]}}`,
  );
}

/** Puts the payload at `position` among good events and demands that only it is hurt. */
async function hurtsOnlyItself(send: Send, payload: Hostile, position: number): Promise<void> {
  const ids = Array.from({ length: neighbours }, () => randomUUID());
  const elements = ids.map(goodEvent);
  elements.splice(position, 0, payload.bytes);
  const parts = elements.flatMap((bytes, n) => [Buffer.from(n === 0 ? "[" : " ,\n"), bytes]);
  const results = await send(Buffer.concat([...parts, Buffer.from("]")]));

  assert.equal(results.length, neighbours + 1, payload.name);
  const verdicts = results.map(({ verdict }) => verdict);
  const expected: string[] = ids.map(() => "accepted");
  expected.splice(position, 0, payload.verdict);
  assert.deepEqual(verdicts, expected, payload.name);
  const own = results[position];
  if (payload.verdict === "rejected") {
    assert.match(own?.code ?? "", /^(invalid_event|too_large|malformed_json)$/, payload.name);
    assert.ok((own?.detail ?? "").length > 20, `${payload.name}: ${own?.detail}`);
    assert.doesNotMatch(own?.detail ?? "", /select|insert|raw\.|node:|\.ts/i, payload.name);
  }
  const rows = await database.owner.query<{ payload: string }>({
    text: "select payload from raw.events where event_id = any($1)",
    values: [ids],
  });
  assert.deepEqual(
    rows.map(({ payload: kept }) => kept).toSorted(),
    ids.map((id) => goodEvent(id).toString()).toSorted(),
    payload.name,
  );
}

const send: Send = async (batch) => {
  const answer = await weir.send("/api/events/batch", batch);
  assert.ok([202, 422].includes(answer.status), JSON.stringify(answer.body));
  return answer.body.results as Result[];
};

test("the list is as long as the promise says", () => {
  assert.ok(hostilePayloads.length >= 100, String(hostilePayloads.length));
  assert.equal(new Set(hostilePayloads.map(({ name }) => name)).size, hostilePayloads.length);
});

for (let position = 0; position <= neighbours; position++) {
  test(`hostile payloads at position ${position} of a batch hurt only themselves`, async () => {
    const started = performance.now();
    for (const payload of hostilePayloads) await hurtsOnlyItself(send, payload, position);
    assertWithin(performance.now() - started, 60_000, "all of them");
  });
}

test("all of them in one batch, each beside a good event, hurt only themselves", async () => {
  const pairs = hostilePayloads.map((payload) => ({ payload, id: randomUUID() }));
  const parts = pairs.flatMap(({ payload, id }, n) => [
    Buffer.from(n === 0 ? "[" : ","),
    payload.bytes,
    Buffer.from(","),
    goodEvent(id),
  ]);
  const results = await send(Buffer.concat([...parts, Buffer.from("]")]));
  pairs.forEach(({ payload }, n) => {
    assert.equal(results[2 * n]?.verdict, payload.verdict, payload.name);
    assert.equal(results[2 * n + 1]?.verdict, "accepted", `beside ${payload.name}`);
  });
});

test("what is odd but allowed is kept byte for byte, and refused things are not kept at all", async () => {
  const own = await createTestDatabase({ after });
  const other = createTestIngest({ after }, { database: own.ingest });
  for (const { bytes } of hostilePayloads) {
    await other.send(
      "/api/events/batch",
      Buffer.concat([Buffer.from("["), bytes, Buffer.from("]")]),
    );
  }
  const rows = await own.owner.query<{ payload: string }>({
    text: "select payload from raw.events",
  });
  assert.deepEqual(
    rows.map(({ payload }) => payload).toSorted(),
    hostilePayloads
      .filter(({ verdict }) => verdict === "accepted")
      .map(({ bytes }) => bytes.toString())
      .toSorted(),
  );
});

test("sent alone, each gets the verdict that it gets in a batch", async () => {
  for (const { name, bytes, verdict } of hostilePayloads) {
    const { status, body } = await weir.send("/api/events/", bytes);
    assert.equal(status === 202 ? "accepted" : "rejected", verdict, name);
    if (status !== 202)
      assert.ok([400, 413, 422].includes(status), `${name}: ${status} ${body.detail}`);
  }
});

test("control: a server that parses the batch as one and writes it unchecked breaks the promise", async () => {
  const log = createRawLog({ database: database.ingest, timeoutMs: 5_000 });
  const naive: Send = async (batch) => {
    const events = JSON.parse(batch.toString()) as Record<string, unknown>[];
    const receipt = { serviceId: 1, now: Date.now(), newId: () => randomUUID() };
    const group = events.map((event) => {
      const body = Buffer.from(JSON.stringify(event));
      const hash = contentHash(body, 0, body.length);
      return {
        kind: "record" as const,
        serviceId: 1,
        format: 0 as const,
        ...identityOf(event["event_id"] as string | undefined, receipt),
        hashHigh: hash.high,
        hashLow: hash.low,
        occurredAt: receipt.now * 1000,
        eventType: String(event["event_type"]),
        userKey: event["user_id"] === undefined ? null : String(event["user_id"]),
        productKey: null,
        amount: null,
        currency: null,
        items: null,
        body,
        start: 0,
        end: body.length,
      };
    });
    await log.append(group);
    return group.map(() => ({ verdict: "accepted" }));
  };
  const count = { text: "select count(*)::int as events from raw.events" };
  const kept = async () => (await database.owner.query<{ events: number }>(count))[0]?.events ?? 0;
  let hurt = 0;
  for (const payload of hostilePayloads) {
    const before = await kept();
    const caught = await hurtsOnlyItself(naive, payload, 1).then(
      () => false,
      () => true,
    );
    if ((await kept()) - before >= neighbours) continue;
    hurt++;
    assert.ok(caught, `${payload.name} took its neighbours along and the test did not see it`);
  }
  assert.ok(hurt >= 30, `${hurt} of ${hostilePayloads.length} took their neighbours along`);
});

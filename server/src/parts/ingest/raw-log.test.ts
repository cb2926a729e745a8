import assert from "node:assert/strict";
import { randomFillSync, randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { makeRandom } from "../../../../testing/random.ts";
import { decimalText, parseDecimal } from "../../core/decimal.ts";
import { contentHash } from "../../core/event/content-hash.ts";
import { type EventRecord, identityOf } from "../../core/event/record.ts";
import type { Database } from "../../core/ports/database.ts";
import { uuidV7Maker } from "../../core/uuid.ts";
import { appended } from "./ports.ts";
import { createRawLog } from "./raw-log.ts";

const database = await createTestDatabase({ after });
await database.ingest.query({ text: "select raw.prepare_days(1)" });

/** The last group of ids that this run alone uses. */
const tail = randomUUID().slice(-12);
const makeId = uuidV7Maker(randomFillSync);
const receipt = { serviceId: 7, now: Date.now(), newId: () => makeId(Date.now()) };

/** A record as the checks make it, of an id and a payload. */
function record(id: string, payload: string, more: Partial<EventRecord> = {}): EventRecord {
  const body = Buffer.from(payload);
  const hash = contentHash(body, 0, body.length);
  const identity = identityOf(id, receipt);
  return {
    kind: "record",
    serviceId: receipt.serviceId,
    format: 0,
    ...identity,
    hashHigh: hash.high,
    hashLow: hash.low,
    occurredAt: receipt.now * 1000,
    eventType: "test",
    userKey: null,
    productKey: null,
    amount: null,
    currency: null,
    items: null,
    body,
    start: 0,
    end: body.length,
    ...more,
  };
}

const log = () => createRawLog({ database: database.ingest, timeoutMs: 5_000 });
const { accepted, duplicate, conflict } = appended;

test("every column is stored as it was given", async () => {
  const ids = Array.from({ length: 40 }, () => randomUUID());
  const amounts = [
    "0",
    "0.1",
    "-5",
    "1299.99",
    "10000",
    "0.0001",
    "100000000.00000001",
    "12345678901234567890.123",
  ];
  const group = ids.map((id, n) =>
    record(n % 3 === 0 ? `ref ${id} ğüş` : id, `{"n": ${n}, "text": "naïve 😀"}`, {
      format: (n % 3) as 0 | 1 | 2,
      occurredAt: 1_705_314_600_123_456 - n * 1e15 * 0.04,
      eventType: n % 2 === 0 ? "Sipariş Tamamlandı" : "x".repeat(128),
      userKey: n % 4 === 0 ? null : `user ${n} é`,
      productKey: n % 5 === 0 ? null : "p".repeat(256),
      amount: n % 6 === 0 ? null : (parseDecimal(amounts[n % amounts.length] as string) ?? null),
      currency: n % 7 === 0 ? null : "TRY",
      items: n % 8 === 0 ? '[{"id":"a","quantity":1,"amount":9.99}]' : null,
    }),
  );
  assert.equal(await log().append(group), null);
  const rows = await database.owner.query<Record<string, unknown>>({
    text: `select service_id, format, event_id, event_ref, event_type, user_key, product_key, amount::text,
      currency, items::text, payload, (extract(epoch from occurred_at) * 1000000)::bigint::text as occurred,
      (select content_hash::text from raw.identities i where i.event_id = e.event_id) as hash
      from raw.events e where event_id = any($1)`,
    values: [group.map(({ eventId }) => eventId)],
  });
  assert.equal(rows.length, group.length);
  for (const sent of group) {
    const hash = BigInt.asIntN(64, (BigInt(sent.hashHigh) << 32n) | BigInt(sent.hashLow));
    assert.deepEqual(
      { ...rows.find((row) => row["event_id"] === sent.eventId) },
      {
        service_id: 7,
        format: sent.format,
        event_id: sent.eventId,
        event_ref: sent.eventRef,
        event_type: sent.eventType,
        user_key: sent.userKey,
        product_key: sent.productKey,
        amount: sent.amount === null ? null : decimalText(sent.amount),
        currency: sent.currency,
        items: sent.items,
        payload: sent.body.toString(),
        occurred: String(sent.occurredAt),
        hash: String(hash),
      },
    );
  }
});

test("two services may use the same id, also in one group beside a duplicate", async () => {
  const [known, shared] = [randomUUID(), randomUUID()];
  assert.equal(await log().append([record(known, "{}")]), null);
  const group = [
    record(shared, "{}"),
    record(shared, '{"other":1}', { serviceId: 8 }),
    record(known, "{}"),
  ];
  assert.deepEqual(await log().append(group), [accepted, accepted, duplicate]);
  assert.deepEqual(await log().append(group), [duplicate, duplicate, duplicate]);
});

test("raw.append answers in the order given, also when that is not the order of the ids", async () => {
  const ids = ["f", "0", "f", "8"].map((digit) => `${digit.repeat(8)}-0000-4000-8000-${tail}`);
  const each = (value: unknown) => ids.map(() => value);
  const values = [each(7), each(0), ids, [1, 1, 2, 1], each(new Date()), each(null), each(null)];
  const rest = [each(null), each(null), each("x"), each(null), each(null), each("{}")];
  const [row] = await database.ingest.query<{ verdicts: number[] }>({
    text: `select raw.append($1::int[], $2::smallint[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
             $7::text[], $8::numeric[], $9::text[], $10::text[], $11::text[], $12::json[], $13::text[]) as verdicts`,
    values: [...values, ...rest],
  });
  assert.deepEqual(row?.verdicts, [accepted, accepted, conflict, accepted]);
});

test("an event sent again is a duplicate, one with different content a conflict, and the first is kept", async () => {
  const [a, b, c] = [randomUUID(), "order 17", randomUUID()];
  assert.equal(await log().append([record(a, "{}"), record(b, "{}")]), null);
  assert.deepEqual(
    await log().append([record(c, "{}"), record(b, '{"other":1}'), record(a, "{}")]),
    [accepted, conflict, duplicate],
  );
  assert.deepEqual(await stored(a, b, c), ["{}", "{}", "{}"]);
});

test("an event that is twice in a group is stored once, the first one", async () => {
  const id = randomUUID();
  assert.deepEqual(
    await log().append([
      record(id, "1"),
      record(randomUUID(), "2"),
      record(id, "1"),
      record(id, "3"),
    ]),
    [accepted, accepted, duplicate, conflict],
  );
  assert.deepEqual(await stored(id), ["1"]);
});

test("a group is judged the same whether it was expected to be new or not", async () => {
  const statements = new Map<string, number>();
  const counted: Database = {
    ...database.ingest,
    query: (statement, options) => {
      const name = statement.name ?? "";
      statements.set(name, (statements.get(name) ?? 0) + 1);
      return database.ingest.query(statement, options);
    },
  };
  const raw = createRawLog({ database: counted, timeoutMs: 5_000 });
  const random = makeRandom(7);
  const below = (limit: number) => Math.floor(random() * limit);
  const ids = Array.from({ length: 60 }, () => randomUUID());
  const kept = new Map<string, string>();
  for (let round = 0; round < 300; round++) {
    // long runs of new events let the log expect new ones again
    const isFresh = round % 75 > 20;
    const group = Array.from({ length: 1 + below(6) }, () => ({
      id: isFresh ? randomUUID() : (ids[below(ids.length)] as string),
      content: String(below(2)),
    }));
    const wanted = group.map(({ id, content }) => {
      const first = kept.get(id);
      if (first === undefined) kept.set(id, content);
      return first === undefined ? accepted : first === content ? duplicate : conflict;
    });
    const verdicts = await raw.append(group.map(({ id, content }) => record(id, content)));
    assert.deepEqual(verdicts ?? group.map(() => accepted), wanted);
  }
  const written = await stored(...kept.keys());
  assert.deepEqual(written.toSorted(), [...kept.values()].toSorted());
  for (const name of ["raw_append", "raw_append_new"]) {
    assert.ok((statements.get(name) ?? 0) > 50, `${name} was used: ${statements.get(name)}`);
  }
});

test("the same id of two services is two events", async () => {
  const id = randomUUID();
  assert.equal(await log().append([record(id, "1"), record(id, "1", { serviceId: 8 })]), null);
  assert.deepEqual(await stored(id), ["1", "1"]);
});

test("concurrent groups of the same events store each once and do not deadlock", async () => {
  const ids = Array.from({ length: 300 }, () => randomUUID());
  const groups = Array.from({ length: 6 }, (_, n) =>
    (n % 2 === 0 ? ids : ids.toReversed()).map((id) => record(id, "{}")),
  );
  const verdicts = await Promise.all(groups.map((group) => log().append(group)));
  const taken = verdicts.map((v) =>
    v === null ? 300 : v.filter((one) => one === accepted).length,
  );
  assert.equal(
    taken.reduce((sum, n) => sum + n),
    300,
  );
  assert.equal((await stored(...ids)).length, 300);
});

test("a committed group notifies the readers of weir_raw", async (t) => {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: database.urls.app });
  await client.connect();
  t.after(() => client.end());
  await client.query("listen weir_raw");
  const woken = new Promise((resolve) => client.once("notification", resolve));
  await log().append([record(randomUUID(), "{}")]);
  await woken;
});

test("the role that appends can neither read, write nor delete directly", async () => {
  for (const text of [
    "select from raw.events",
    "select from raw.identities",
    "delete from raw.events",
    "insert into raw.identities values (gen_random_uuid(), 1, 1)",
    "truncate raw.events",
    "select raw.drop_partitions(now())",
    "select raw.rotate_identities(now())",
  ]) {
    await assert.rejects(database.ingest.query({ text }), { code: "42501" }, text);
  }
});

test("raw.append refuses a second call in a transaction instead of storing an event twice", async () => {
  const group = [record(randomUUID(), "{}")];
  await assert.rejects(
    database.ingest.transaction(async (connection) => {
      const inside = createRawLog({
        database: { ...database.ingest, query: connection.query.bind(connection) },
        timeoutMs: 5_000,
      });
      const known = [record(randomUUID(), "{}")];
      for (const again of [known, known]) await inside.append(again);
      // a duplicate makes the log use raw.append
      await inside.append(group);
      await inside.append(group);
    }),
    { code: "P0001" },
  );
});

async function stored(...ids: string[]): Promise<string[]> {
  const rows = await database.owner.query<{ payload: string }>({
    text: "select payload from raw.events where event_id = any($1) order by 1",
    values: [ids.map((id) => identityOf(id, receipt).eventId)],
  });
  return rows.map(({ payload }) => payload);
}

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { contentHash } from "../../core/event/content-hash.ts";
import type { EventRecord } from "../../core/event/record.ts";
import { appended, type RawLog } from "../ingest/ports.ts";
import { createRawLog } from "../ingest/raw-log.ts";
import { createRetention, type Retention } from "./retention.ts";

const dayMs = 86_400_000;
const { accepted, duplicate, conflict } = appended;

function record(eventId: string, payload = "{}"): EventRecord {
  const body = Buffer.from(payload);
  const hash = contentHash(body, 0, body.length);
  return {
    kind: "record",
    serviceId: 1,
    format: 0,
    answerId: eventId,
    eventId,
    eventRef: null,
    hashHigh: hash.high,
    hashLow: hash.low,
    occurredAt: Date.now() * 1000,
    eventType: "test",
    userKey: null,
    productKey: null,
    amount: null,
    currency: null,
    items: null,
    body,
    start: 0,
    end: body.length,
  };
}

function rawLog(database: TestDatabase): RawLog {
  return createRawLog({ database: database.ingest, timeoutMs: 5_000 });
}

function retentionOf(database: TestDatabase, rawDays = 90): Retention {
  return createRetention({
    database: database.owner,
    settings: { rawDays, partitionsAhead: 3 },
  });
}

async function partitions(database: TestDatabase): Promise<string[]> {
  const rows = await database.owner.query<{ name: string }>({
    text: "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'raw.events'::regclass order by 1",
  });
  return rows.map(({ name }) => name);
}

function partitionName(at: number): string {
  return `raw.events_${new Date(at).toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/** Moves the generation's beginning into the past, as if Weir had run that long. */
async function age(database: TestDatabase, days: number): Promise<void> {
  await database.owner.query({
    text: "update raw.identity_generation set started_at = now() - make_interval(days => $1)",
    values: [days],
  });
}

test("today and the three days after it have their partitions before the first event", async (t) => {
  const database = await createTestDatabase(t);
  await retentionOf(database).round();
  await retentionOf(database).round();
  const now = Date.now();
  assert.deepEqual(
    await partitions(database),
    [0, 1, 2, 3].map((n) => partitionName(now + n * dayMs)),
  );
});

test("expired days are dropped, days that a reader has not read are kept for it", async (t) => {
  const database = await createTestDatabase(t);
  const now = Date.now();
  for (const days of [100, 95, 91, 90, 89]) {
    await database.owner.query({
      text: "select raw.ensure_partition($1)",
      values: [new Date(now - days * dayMs).toISOString().slice(0, 10)],
    });
  }
  await database.owner.query({ text: "update log.readers set since = now()" });
  await database.owner.query({
    text: "update log.readers set since = now() - interval '97 days' where name = 'windows'",
  });
  const held = await retentionOf(database).round();
  assert.equal(held.heldBackBy, "windows");
  assert.deepEqual(held.dropped, [partitionName(now - 100 * dayMs).slice(4)]);
  await database.owner.query({ text: "update log.readers set since = now()" });
  const free = await retentionOf(database).round();
  assert.equal(free.heldBackBy, undefined);
  assert.deepEqual(
    free.dropped,
    [95, 91].map((days) => partitionName(now - days * dayMs).slice(4)),
  );
});

test("facts are kept as long as the raw events that they were made of", async (t) => {
  const database = await createTestDatabase(t);
  await database.owner.query({
    text: "select etl.ensure_facts_partitions(current_date - 3, current_date)",
  });
  const facts = async () =>
    (
      await database.owner.query<{ name: string }>({
        text: "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'analytics.facts'::regclass order by 1",
      })
    ).map(({ name }) => name);
  const before = await facts();
  assert.equal(before.length, 5, "four days and the default");
  const { dropped } = await retentionOf(database, 2).round();
  assert.equal(dropped.length, 1);
  assert.deepEqual(
    await facts(),
    before.filter((name) => name !== `analytics.${dropped[0]}`),
  );
});

test("an event sent again days later is still a duplicate, though its day is another partition", async (t) => {
  const database = await createTestDatabase(t);
  await retentionOf(database).round();
  const id = randomUUID();
  await rawLog(database).append([record(id)]);
  // the first one was received two days ago
  await database.owner.query({
    text: "select raw.ensure_partition(((now() at time zone 'UTC')::date - 2))",
  });
  await database.owner.query({
    text: "update raw.events set received_at = received_at - interval '2 days'",
  });
  assert.deepEqual(await rawLog(database).append([record(id)]), [duplicate]);
  assert.deepEqual(await rawLog(database).append([record(id, "[]")]), [conflict]);
});

test("identities outlive one rotation and are forgotten by the second", async (t) => {
  const database = await createTestDatabase(t);
  const retention = retentionOf(database);
  await retention.round();
  const id = randomUUID();
  const log = rawLog(database);
  await log.append([record(id)]);
  assert.equal((await retention.round()).rotatedIdentities, false, "the generation is young");

  await age(database, 91);
  assert.equal((await retention.round()).rotatedIdentities, true);
  assert.equal((await retention.round()).rotatedIdentities, false);
  const [a, b] = [randomUUID(), randomUUID()];
  assert.deepEqual(await log.append([record(a), record(id, "[]"), record(b)]), [
    accepted,
    conflict,
    accepted,
  ]);
  assert.equal(
    await log.append([record(randomUUID())]),
    null,
    "new events take the short way again",
  );
  assert.deepEqual(await log.append([record(id)]), [duplicate]);

  // seen in this generation, it is remembered for the next, with the content that stands
  await age(database, 91);
  assert.equal((await retention.round()).rotatedIdentities, true);
  assert.deepEqual(await log.append([record(id, "[]"), record(a)].toSorted(byId)), [
    ...[
      { id, verdict: conflict },
      { id: a, verdict: duplicate },
    ]
      .toSorted((x, y) => (x.id < y.id ? -1 : 1))
      .map(({ verdict }) => verdict),
  ]);

  const seldom = randomUUID();
  await log.append([record(seldom)]);
  for (const _ of [1, 2]) {
    await age(database, 91);
    await retention.round();
  }
  assert.equal(await log.append([record(seldom)]), null, "forgotten after two generations");
});

function byId(a: EventRecord, b: EventRecord): number {
  return a.eventId < b.eventId ? -1 : 1;
}

test("rotations and drops while groups are being written lose nothing and keep nothing twice", async (t) => {
  const database = await createTestDatabase(t);
  const retention = retentionOf(database);
  await retention.round();
  const log = rawLog(database);
  const ids = Array.from({ length: 400 }, () => randomUUID());
  let writing = true;
  let rotations = 0;
  const turning = (async () => {
    while (writing || rotations === 0) {
      await age(database, 91);
      if ((await retention.round()).rotatedIdentities) rotations++;
      // an id seen in each round is copied on; two unseen rotations would forget it
      const again = await log.append(ids.slice(0, 100).map((id) => record(id)));
      for (const verdict of again ?? []) assert.notEqual(verdict, conflict);
    }
  })();
  for (let round = 0; round < 20; round++) {
    const first = ids.slice(0, 100).map((id) => record(id));
    await Promise.all([log.append(first), log.append(first.toReversed())]);
  }
  writing = false;
  await turning;
  assert.ok(rotations > 0);
  const [found] = await database.owner.query<{ rows: string; ids: string }>({
    text: "select count(*) as rows, count(distinct event_id) as ids from raw.events",
  });
  assert.deepEqual({ ...found }, { rows: "100", ids: "100" });
});

test("a day that was not prepared is prepared by the first group of it", async (t) => {
  const database = await createTestDatabase(t);
  const { appendGroup } = await import("../ingest/append-group.ts");
  assert.deepEqual(await partitions(database), []);
  const outcomes = await appendGroup(rawLog(database), [record(randomUUID())], (error) => {
    throw error;
  });
  assert.deepEqual(outcomes, ["accepted"]);
});

test("making a day waits neither for writers nor for readers that hold the log", async (t) => {
  const database = await createTestDatabase(t);
  await retentionOf(database).round();
  await database.owner.transaction(async (reader) => {
    await reader.query({ text: "select count(*) from raw.events" });
    await database.ingest.transaction(async (writer) => {
      await writer.query({ text: "select raw.prepare_days(0)" });
      await createRawLog({
        database: { ...database.ingest, query: writer.query.bind(writer) },
        timeoutMs: 5_000,
      }).append([record(randomUUID())]);
      await database.owner.query(
        { text: "select raw.ensure_partition((now() at time zone 'UTC')::date + 9)" },
        { timeoutMs: 2_000 },
      );
    });
  });
});

test("a day that two sessions make at the same time is made once, and neither fails", async (t) => {
  const { owner } = await createTestDatabase(t);
  const make = { text: "select raw.ensure_partition(date '2024-01-15')" };
  let second: Promise<unknown> | undefined;
  await owner.transaction(async (first) => {
    await first.query(make);
    second = owner.query(make);
    const waits = () =>
      owner.query({ text: "select from pg_locks where locktype = 'advisory' and not granted" });
    await until(async () => (await waits()).length > 0, { what: "the second session to wait" });
  });
  await second;
});

test("the part works at once, continues, and ends with its signal", async (t) => {
  const database = await createTestDatabase(t);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const rounds: unknown[] = [];
  const retention = createRetention({
    database: database.owner,
    settings: { rawDays: 90, partitionsAhead: 1 },
    onRound: (round) => rounds.push(round),
  });
  const running = retention.run(stop.signal);
  await until(() => rounds.length === 1, { what: "the first round" });
  assert.equal(retention.problem?.(), undefined);
  stop.abort();
  await running;
});

/** As if PostgreSQL's clock had jumped forward: trusted time is behind it. */
async function jumpForward(database: TestDatabase, days: number): Promise<void> {
  await database.owner.query({
    text: "update clock.state set trusted = now() - make_interval(days => $1)",
    values: [days],
  });
}

test("a clock that jumps 40 days forward drops no day and forgets no identity, until it is confirmed", async (t) => {
  const database = await createTestDatabase(t);
  const retention = retentionOf(database, 30);
  const now = Date.now();
  // written before the jump, when it was 40 days earlier
  for (const days of [69, 40]) {
    const day = new Date(now - days * dayMs).toISOString().slice(0, 10);
    await database.owner.query({ text: "select raw.ensure_partition($1)", values: [day] });
    await database.owner.query({
      text: "select etl.ensure_facts_partitions($1, $1)",
      values: [day],
    });
  }
  await database.owner.query({ text: "update log.readers set since = now()" });
  await age(database, 40);
  await jumpForward(database, 40);
  const jumped = await retention.round();
  assert.deepEqual([jumped.dropped, jumped.rotatedIdentities], [[], false]);
  await database.owner.query({ text: "select clock.confirm()" });
  const confirmed = await retention.round();
  assert.equal(confirmed.dropped.length, 4);
  assert.equal(confirmed.rotatedIdentities, true);
});

test("events that a clock dated too early are kept for as long as all others", async (t) => {
  const database = await createTestDatabase(t);
  const { owner } = database;
  const retention = retentionOf(database, 30);
  await retention.round();
  const early = new Date(Date.now() - 40 * dayMs);
  await owner.query({ text: "select raw.ensure_partition($1)", values: [early] });
  // the day of trusted time begins before the events are received
  await owner.query({ text: "select clock.begin_day(now())" });
  await owner.query({
    text: `insert into raw.events (service_id, format, event_id, received_at, occurred_at, event_type, payload)
           values (1, 0, gen_random_uuid(), $1, now(), 'x', '{}')`,
    values: [early],
  });
  await owner.query({ text: "delete from log.readers" });
  assert.deepEqual((await retention.round()).dropped, []);
  const [gone] = await owner.query<{ gone: boolean }>({
    text: "select etl.raw_events_gone(current_date - date '1970-01-01') as gone",
  });
  assert.equal(gone?.gone, false, "the windows of the day can be recomputed");
  // 31 days later
  await owner.query({ text: "update clock.days set day = day - 31" });
  await owner.query({ text: "select clock.begin_day(now())" });
  assert.deepEqual((await retention.round()).dropped, [partitionName(early.getTime()).slice(4)]);
});

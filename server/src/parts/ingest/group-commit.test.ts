import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { createTestIngest } from "../../../test/helpers/ingest.ts";
import type { EventRecord } from "../../core/event/record.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Appended, appended, type RawLog } from "./ports.ts";

/** A log whose groups are committed when the test says so. */
function heldLog() {
  const waiting: { readonly group: readonly EventRecord[]; readonly commit: () => void }[] = [];
  const log: RawLog = {
    append: (group) =>
      new Promise((resolve) => waiting.push({ group, commit: () => resolve(null) })),
    prepareDays: async () => {},
  };
  return { log, waiting };
}

const events = (count: number) =>
  JSON.stringify(Array.from({ length: count }, () => ({ event_type: "x" })));
const event = '{"event_type":"x"}';

test("nothing is answered before it is committed", async (t) => {
  const { log, waiting } = heldLog();
  const { send } = createTestIngest(t, { log, patienceMs: 60_000 });
  let answered = false;
  const answer = send("/api/events/", event).then((found) => {
    answered = true;
    return found;
  });
  await until(() => waiting.length === 1, { what: "the group" });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  waiting[0]?.commit();
  assert.equal((await answer).status, 202);
});

test("waiting requests share a group; the first never waits for others", async (t) => {
  const { log, waiting } = heldLog();
  const { send } = createTestIngest(t, { log, patienceMs: 60_000 });
  const first = send("/api/events/", event);
  await until(() => waiting.length === 1, { what: "the first group" });
  const rest = Array.from({ length: 20 }, () => send("/api/events/", event));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(waiting.length, 1, "twenty events are not worth a second statement");
  const batch = send("/api/events/batch", events(50));
  await until(() => waiting.length === 2, { what: "the second group" });
  assert.deepEqual(
    waiting.map(({ group }) => group.length),
    [1, 70],
  );
  const last = send("/api/events/", event);
  for (const { commit } of waiting) commit();
  await until(() => waiting.length === 3, { what: "the last group" });
  waiting[2]?.commit();
  const answers = await Promise.all([first, ...rest, batch, last]);
  assert.ok(answers.every(({ status }) => status === 202));
});

test("requests that share a group each get the verdicts of their own events", async (t) => {
  const groups: ((verdicts: readonly Appended[]) => void)[] = [];
  const log: RawLog = {
    append: () => new Promise((resolve) => groups.push(resolve)),
    prepareDays: async () => {},
  };
  const { send } = createTestIngest(t, { log, patienceMs: 60_000 });
  const first = send("/api/events/", event);
  await until(() => groups.length === 1, { what: "the first group" });
  const batches = [send("/api/events/batch", events(2)), send("/api/events/batch", events(3))];
  await new Promise((resolve) => setImmediate(resolve));
  groups[0]?.([appended.duplicate]);
  await until(() => groups.length === 2, { what: "the group of both batches" });
  const { accepted, duplicate, conflict } = appended;
  groups[1]?.([accepted, duplicate, conflict, accepted, duplicate]);
  assert.equal((await first).body.verdict, "duplicate");
  const verdicts = (await Promise.all(batches)).map(({ body }) =>
    body.results.map((one: { verdict: string }) => one.verdict),
  );
  assert.deepEqual(verdicts, [
    ["accepted", "duplicate"],
    ["conflict", "accepted", "duplicate"],
  ]);
});

/** Submits without a route in between: what happens, happens in this turn of the event loop. */
function directCommit(log: RawLog) {
  const commit = new GroupCommit({
    log,
    storage: { refusal: undefined, full() {} },
    observer: { verdict() {}, rateLimited() {}, group() {}, queue() {}, failure() {} },
    settings: {
      groupsInFlight: 3,
      groupEvents: 2_000,
      queueEvents: 50_000,
      queueBytes: 64 * 1024 * 1024,
      patienceMs: 60_000,
    },
    monotonic: () => performance.now(),
  });
  return (count: number, bytes = 100) => {
    const record = { start: 0, end: bytes } as EventRecord;
    return commit.submit(new Array<EventRecord>(count).fill(record)) as Promise<readonly string[]>;
  };
}

test("a full group starts at once, before the other requests of the same turn are read", async () => {
  const { log, waiting } = heldLog();
  const submit = directCommit(log);
  const groupsAfter: number[] = [];
  const answers = Array.from({ length: 9 }, () => {
    const answer = submit(100);
    groupsAfter.push(waiting.length);
    return answer;
  });
  assert.deepEqual(groupsAfter, [0, 0, 1, 1, 1, 2, 2, 2, 3]);
  assert.ok(waiting.every(({ group }) => group.length === 300));
  for (const { commit } of waiting) commit();
  for (const outcomes of await Promise.all(answers)) assert.equal(outcomes.length, 100);
});

test("large events fill a group as well", async () => {
  const { log, waiting } = heldLog();
  const submit = directCommit(log);
  const answers = [submit(1, 100_000), submit(1, 100_000)];
  assert.equal(waiting.length, 1);
  assert.equal(waiting[0]?.group.length, 1, "a second one would not fit the socket's buffer");
  await until(() => waiting.length === 2, { what: "the second group" });
  for (const { commit } of waiting) commit();
  await Promise.all(answers);
});

test("a group that ends makes room for a full one before its answers are written", async () => {
  const { log, waiting } = heldLog();
  const submit = directCommit(log);
  let answered = 0;
  const answers = Array.from({ length: 12 }, async () => {
    await submit(100);
    answered++;
  });
  assert.equal(waiting.length, 3);
  waiting[0]?.commit();
  await until(
    () => {
      assert.ok(waiting.length === 4 || answered === 0, "the fourth group comes first");
      return answered > 0;
    },
    { what: "the first answers" },
  );
  for (const { commit } of waiting) commit();
  await Promise.all(answers);
});

test("the number and size of groups in flight are limited", async (t) => {
  const { log, waiting } = heldLog();
  const { send } = createTestIngest(t, { log, patienceMs: 60_000 });
  const batches = Array.from({ length: 20 }, () => send("/api/events/batch", events(500)));
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  await until(() => waiting.length === 3, { what: "three groups" });
  await turn();
  assert.equal(waiting.length, 3, "the fourth waits");
  let committed = 0;
  while (committed < waiting.length) {
    waiting[committed++]?.commit();
    await turn();
    assert.ok(waiting.length - committed <= 3);
  }
  for (const { body } of await Promise.all(batches)) assert.equal(body.results.length, 500);
  assert.deepEqual(
    waiting.map(({ group }) => group.length),
    [500, 500, 500, 2_000, 2_000, 2_000, 1_000, 500, 500, 500],
    "the more waits, the larger the next group, up to the limit",
  );
});

test("if the log does not answer, every event is answered retry in time, and none accepted", async (t) => {
  const { log, waiting } = heldLog();
  const { send, ingest } = createTestIngest(t, { log, patienceMs: 300 });
  const started = performance.now();
  const answers = await Promise.all([
    send("/api/events/", event),
    send("/api/events/batch", events(40)),
    send("/api/events/batch", events(40)),
    send("/api/events/batch", events(40)),
    send("/v1/batch", '{"batch":[{"type":"page"}]}'),
    send("/api/events/", event),
  ]);
  assert.ok(performance.now() - started < 10_000);
  for (const { status, headers, body } of answers) {
    assert.equal(status, 503);
    assert.equal(headers["retry-after"], "1");
    if (body.results === undefined) assert.equal(body.code, "unavailable");
    else assert.equal(body.results[0].verdict, "retry");
  }
  assert.ok(ingest.load > 0, "what is under way is not forgotten");
  for (const { commit } of waiting) commit();
  await until(() => ingest.load === 0, { what: "the groups to end" });
});

test("a submission that does not fit the queue is refused as a whole at once", async (t) => {
  const { log, waiting } = heldLog();
  const { send } = createTestIngest(t, { log, patienceMs: 60_000, queueEvents: 100 });
  const held: ReturnType<typeof send>[] = [];
  for (let n = 1; n <= 3; n++) {
    held.push(send("/api/events/batch", events(100)));
    await until(() => waiting.length === n, { what: "a group under way" });
  }
  const queued = send("/api/events/batch", events(80));
  const refused = await send("/api/events/batch", events(21));
  assert.equal(refused.status, 503);
  assert.deepEqual(
    new Set(refused.body.results.map((one: { code: string }) => one.code)),
    new Set(["overloaded"]),
  );
  const single = createTestIngest(t, { log, queueEvents: 0 });
  const alone = await single.send("/api/events/", event);
  assert.deepEqual(
    [alone.status, alone.body.code, alone.headers["retry-after"]],
    [503, "overloaded", "1"],
  );
  for (const { commit } of waiting) commit();
  await until(() => waiting.length === 4, { what: "the queued batch" });
  waiting[3]?.commit();
  assert.deepEqual(
    (await Promise.all([...held, queued])).map(({ status }) => status),
    [202, 202, 202, 202],
  );
});

test("draining answers what was accepted and refuses new submissions", async (t) => {
  const { log, waiting } = heldLog();
  const { send, ingest } = createTestIngest(t, { log, patienceMs: 60_000 });
  const taken = send("/api/events/", event);
  await until(() => waiting.length === 1, { what: "the group" });
  let drained = false;
  const draining = ingest.drain().then(() => {
    drained = true;
  });
  assert.equal((await send("/api/events/", event)).status, 503);
  assert.equal(drained, false);
  waiting[0]?.commit();
  assert.equal((await taken).status, 202);
  await draining;
});

test("a hundred concurrent requests store each event once and get their own answers", async (t) => {
  const database = await createTestDatabase({ after });
  const sizes: number[] = [];
  const { send, ingest } = createTestIngest(t, {
    database: database.ingest,
    patienceMs: 10_000,
    observer: { group: ({ events: size }) => sizes.push(size) },
  });
  await ingest.prepare();
  const ids = Array.from({ length: 300 }, () => randomUUID());
  const answers = await Promise.all(
    ids.map((event_id) => send("/api/events/", JSON.stringify({ event_id, event_type: "x" }))),
  );
  answers.forEach(({ status, body }, n) => {
    assert.equal(status, 202);
    assert.equal(body.event_id, ids[n]);
  });
  assert.ok(sizes.length < 60, `${sizes.length} groups`);
  const [count] = await database.owner.query<{ n: number }>({
    text: "select count(distinct event_id)::int as n from raw.events",
  });
  assert.equal(count?.n, 300);
});

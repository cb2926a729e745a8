import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import {
  changing,
  type DeliveriesOptions,
  prepareSenders,
  sendEvents,
  startDeliveries,
} from "../../../../testing/deliveries.ts";
import { until } from "../../../../testing/until.ts";
import { type Answer, startReceiver, verify } from "../../../test/helpers/webhook-receiver.ts";
import { pauseSubscription, resumeSubscription } from "./change-state.ts";
import {
  createSubscription,
  deleteSubscription,
  replayEvents,
  rotateSecret,
  updateSubscription,
} from "./changes.ts";
import type { NewSubscription } from "./schemas.ts";

interface Stage {
  readonly database: TestDatabase;
  readonly id: string;
  readonly secret: string;
  readonly received: Awaited<ReturnType<typeof startReceiver>>["received"];
  readonly running: ReturnType<typeof startDeliveries>;
  /** Ids of events that the receiver has accepted, with repetitions, in order. */
  accepted(): string[];
  states(): Promise<Readonly<Record<string, number>>>;
}

async function setStage(
  t: TestContext,
  options: DeliveriesOptions & {
    readonly subscription?: Partial<NewSubscription>;
    readonly answer?: Answer;
  } = {},
): Promise<Stage> {
  const database = await createTestDatabase(t);
  await prepareSenders(database);
  const receiver = await startReceiver(t, options.answer);
  const { id, secret } = await createSubscription(changing(database), {
    ...{ name: "orders", url: receiver.url, ...options.subscription },
  });
  const running = startDeliveries(t, database, options);
  return {
    ...{ database, id, secret, running, received: receiver.received },
    accepted: () => receiver.accepted().map(({ body }) => JSON.parse(body).id as string),
    async states() {
      const rows = await database.app.query<{ state: string; count: number }>({
        text: "select state, count(*)::int as count from deliveries.deliveries group by state",
      });
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
  };
}

const delivered = (stage: Stage, count: number) =>
  until(async () => (await stage.states())["delivered"] === count, {
    what: () => `${count} deliveries; ${stage.accepted().length} were accepted`,
  });

test("an accepted event of a subscribed type reaches the receiver, signed, as it was sent", async (t) => {
  const stage = await setStage(t, {
    subscription: {
      event_types: ["order.*"],
      sources: ["shop"],
      filter: { path: "event.total", op: "gte", value: 10 },
    },
  });
  const { database, received, secret } = stage;
  const payload = '{ "total": 10.00000000000000000001, "note": "çay" }';
  await sendEvents(database.owner, [
    { payload: { total: 9 } },
    { type: "cart.add", payload: { total: 11 } },
    { payload },
  ]);
  await sendEvents(database.owner, [{ payload: { total: 12 } }], 2);
  await delivered(stage, 1);
  const [got] = received;
  assert.ok(got !== undefined);
  verify(secret, got);
  assert.ok(got.body.endsWith(`"data":${payload}}`), got.body);
  const body = JSON.parse(got.body);
  assert.deepEqual([body.type, body.source, received.length], ["order.created", "shop", 1]);
});

test("a projection keeps the named members, with all digits of their numbers", async (t) => {
  const stage = await setStage(t, {
    subscription: { projection: ["/user_id", "/properties/total", "/properties/a~1b", "/missing"] },
  });
  const payload =
    '{"user_id":"u","secret":1,"properties":{"total":1.10000000000000000001,"a/b":2,"c":3}}';
  await sendEvents(stage.database.owner, [{ payload }]);
  await delivered(stage, 1);
  assert.match(
    stage.received[0]?.body ?? "",
    /"data":\{"user_id":"u","properties":\{"total":1\.10000000000000000001,"a\/b":2\}\}\}$/,
  );
});

test("a delivery that fails is tried again with the same id until it is accepted", async (t) => {
  let turns = 0;
  const stage = await setStage(t, { answer: () => [500, 404, 302, 200][turns++] ?? 200 });
  const [id] = await sendEvents(stage.database.owner, [{}]);
  await delivered(stage, 1);
  assert.deepEqual(stage.accepted(), [id]);
  assert.equal(new Set(stage.received.map((one) => one.id)).size, 1);
  const attempts = await stage.database.app.query({
    text: "select number, status from deliveries.attempts order by number",
  });
  assert.deepEqual(
    attempts,
    [500, 404, 302, 200].map((status, index) => ({ number: index + 1, status })),
  );
});

test("events of a key arrive one after the other in the order of the log, whatever fails", async (t) => {
  let turns = 0;
  const busy = new Set<string>();
  const overlaps: string[] = [];
  const stage = await setStage(t, {
    subscription: { order_by: "user", concurrency: 8 },
    retryMs: 1,
    async answer({ body }) {
      const { user } = JSON.parse(body).data as { user: string };
      if (busy.has(user)) overlaps.push(user);
      busy.add(user);
      await new Promise((resolve) => setImmediate(resolve));
      busy.delete(user);
      return turns++ % 3 === 0 ? 500 : 204;
    },
  });
  const sent = new Map<string, string[]>();
  for (let round = 0; round < 6; round++) {
    const users = ["a", "b", "c", "d", "e"];
    const ids = await sendEvents(
      stage.database.owner,
      users.map((user) => ({ user, payload: { user } })),
    );
    for (const [index, user] of users.entries()) {
      sent.set(user, [...(sent.get(user) ?? []), ids[index] ?? ""]);
    }
  }
  await delivered(stage, 30);
  const accepted = stage.accepted();
  for (const ids of sent.values()) {
    assert.deepEqual(
      accepted.filter((id) => ids.includes(id)),
      ids,
    );
  }
  assert.deepEqual(overlaps, []);
});

test("a receiver that is gone for good is paused with a notice, and continues with what it missed", async (t) => {
  let status = 410;
  const stage = await setStage(t, { answer: () => status });
  const { database, running, id } = stage;
  const ids = await sendEvents(database.owner, [{}]);
  await until(() => running.notices.length > 0, { what: "a notice" });
  assert.deepEqual(running.notices, [
    { kind: "paused", subscription: "orders", reason: "the receiver answered 410 (gone)" },
  ]);
  ids.push(...(await sendEvents(database.owner, [{}, {}])));
  status = 200;
  await resumeSubscription(changing(database), id);
  await delivered(stage, 3);
  assert.deepEqual(stage.accepted().sort(), ids.sort());
  const log = await database.app.query<{ action: string; actor: string }>({
    text: "select action, actor from auth.audit_log where subject = 'subscription:orders' order by id",
  });
  assert.deepEqual(
    log.map(({ action, actor }) => `${actor} ${action}`),
    ["ops/key subscription.create", "weir subscription.pause", "ops/key subscription.resume"],
  );
});

test("a paused subscription misses nothing, and joins the common reader again", async (t) => {
  const stage = await setStage(t);
  const { database, id } = stage;
  const readers = async () =>
    (
      await database.app.query<{ name: string }>({
        text: "select name from log.readers where name like 'deliveries%'",
      })
    ).map(({ name }) => name);
  const ids = await sendEvents(database.owner, [{}]);
  await delivered(stage, 1);
  await pauseSubscription(changing(database), id, { reason: "paused by ops" });
  assert.deepEqual((await readers()).sort(), ["deliveries", `deliveries:${id}`]);
  for (let round = 0; round < 5; round++) ids.push(...(await sendEvents(database.owner, [{}, {}])));
  await resumeSubscription(changing(database), id);
  ids.push(...(await sendEvents(database.owner, [{}])));
  await delivered(stage, ids.length);
  await until(async () => (await readers()).length === 1, { what: "the common reader alone" });
  ids.push(...(await sendEvents(database.owner, [{}])));
  await delivered(stage, ids.length);
  assert.deepEqual(stage.accepted().sort(), ids.sort());
});

test("a slow receiver keeps a short queue and reads the log by itself; it delays no other one", async (t) => {
  const held: (() => void)[] = [];
  let isOpen = false;
  const stage = await setStage(t, {
    limits: { queueDeliveries: 10, pageEvents: 10 },
    subscription: { concurrency: 1 },
    attemptMs: 60_000,
    async answer() {
      if (!isOpen) await new Promise<void>((resolve) => held.push(resolve));
      return 200;
    },
  });
  const { database } = stage;
  const fast = await startReceiver(t);
  await createSubscription(changing(database), { name: "fast", url: fast.url });
  const ids: string[] = [];
  for (let round = 0; round < 20; round++) {
    ids.push(...(await sendEvents(database.owner, [{}, {}, {}, {}, {}])));
  }
  await until(() => fast.received.length === ids.length, {
    what: () => `the other receiver to have all; it has ${fast.received.length}`,
  });
  const { pending = 0 } = await stage.states();
  assert.ok(pending <= 40, `${pending} wait`);
  isOpen = true;
  for (const release of held) release();
  await until(() => stage.accepted().length >= ids.length, {
    what: () => `the slow receiver to have all; it has ${stage.accepted().length}`,
  });
  assert.deepEqual([...new Set(stage.accepted())].sort(), ids.sort());
});

test("many subscriptions are served at once, while some of their receivers never answer", async (t) => {
  const stage = await setStage(t, {
    attemptMs: 60_000,
    subscription: { concurrency: 16 },
    answer: () => new Promise(() => {}),
  });
  const { database, running } = stage;
  const others = await Promise.all(Array.from({ length: 6 }, () => startReceiver(t)));
  for (const [index, { url }] of others.entries()) {
    await createSubscription(changing(database), { name: `other-${index}`, url });
  }
  for (let round = 0; round < 5; round++) {
    await sendEvents(
      database.owner,
      Array.from({ length: 10 }, () => ({})),
    );
  }
  await until(() => others.every(({ received }) => received.length === 50), {
    what: () => `all others to have all: ${others.map(({ received }) => received.length)}`,
  });
  assert.deepEqual(running.errors, []);
});

test("a subscription may begin in the past, and a replay sends a period again under the same ids", async (t) => {
  const database = await createTestDatabase(t);
  await prepareSenders(database);
  const hour = 3_600_000;
  const before = (hours: number) => new Date(Date.now() - hours * hour);
  // of today's partition: earlier days have none
  const day = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  const at = [3, 2, 1].map(before);
  const [old = "", mid = "", young = ""] = await sendEvents(
    database.owner,
    at.map((receivedAt) => ({
      receivedAt: new Date(Math.max(receivedAt.getTime(), day)),
    })),
  );
  const receiver = await startReceiver(t);
  const accepted = () => receiver.accepted().map(({ body }) => JSON.parse(body).id as string);
  const from = new Date(day - 1).toISOString();
  const { id } = await createSubscription(changing(database), {
    ...{ name: "past", url: receiver.url, from },
  });
  startDeliveries(t, database);
  const [live = ""] = await sendEvents(database.owner, [{}]);
  const all = [old, mid, young, live].sort();
  await until(() => accepted().length === 4, {
    what: () => `four events, not ${accepted().length}`,
  });
  assert.deepEqual(accepted().sort(), all);
  await replayEvents(changing(database), id, { from });
  await until(() => accepted().length === 8, {
    what: () => `eight events, not ${accepted().length}`,
  });
  assert.equal(new Set(receiver.received.map((one) => one.id)).size, 4);
  await until(
    async () => {
      const rows = await database.app.query<{ state: string; deliveries: string }>({
        text: "select state, deliveries from deliveries.replays order by requested_at",
      });
      return (
        rows.every(({ state }) => state === "done") && rows.map((row) => Number(row.deliveries))
      );
    },
    { what: "the replays to end" },
  );
  await replayEvents(changing(database), id, { from, to: new Date(day).toISOString() });
  const [last = ""] = await sendEvents(database.owner, [{}]);
  await until(() => accepted().includes(last), { what: "the live event" });
  assert.equal(accepted().length, 9, "an empty period has no deliveries");
});

test("both secrets sign during a rotation; a changed URL is used for what waits", async (t) => {
  const stage = await setStage(t, { answer: () => 500 });
  const { database, id, secret } = stage;
  await sendEvents(database.owner, [{}]);
  await until(() => stage.received.length > 0, { what: "an attempt" });
  const newer = await rotateSecret(changing(database), id, 24);
  const other = await startReceiver(t);
  await updateSubscription(changing(database), id, { url: other.url });
  await delivered(stage, 1);
  const [got] = other.received;
  assert.ok(got !== undefined);
  verify(secret, got);
  verify(newer, got);
});

test("without overlap the old secret signs nothing more", async (t) => {
  const stage = await setStage(t);
  const { database, id, secret } = stage;
  const newer = await rotateSecret(changing(database), id, 0);
  await until(
    async () => {
      await sendEvents(database.owner, [{}]);
      const got = stage.received.at(-1);
      if (got === undefined) return false;
      try {
        verify(secret, got);
        return false;
      } catch {
        verify(newer, got);
        return true;
      }
    },
    { what: "a delivery that the old secret does not verify" },
  );
});

test("a delivery that is too old is dead after its next failure, with a notice, and the next of its key follows", async (t) => {
  let status = 500;
  const stage = await setStage(t, {
    subscription: { order_by: "user", filter: null },
    answer: () => status,
    retryMs: 200,
  });
  const { database, running } = stage;
  const [first = "", second = ""] = await sendEvents(database.owner, [
    { user: "u" },
    { user: "u" },
  ]);
  await until(() => stage.received.length > 0, { what: "an attempt" });
  await database.app.query({
    text: "update deliveries.subscriptions set state_since = now() - interval '2 days'",
  });
  await database.app.query({
    text: "update deliveries.deliveries set created_at = now() - interval '2 days' where event_id = $1",
    values: [first],
  });
  await until(async () => (await stage.states())["dead"] === 1, { what: "the death of the first" });
  status = 200;
  await delivered(stage, 1);
  assert.deepEqual(stage.accepted(), [second]);
  assert.deepEqual(running.notices.at(-1)?.kind, "dead");
});

test("a deleted subscription leaves nothing behind, and nothing reads the log for it", async (t) => {
  const stage = await setStage(t, { answer: () => 500 });
  const { database, id } = stage;
  await sendEvents(database.owner, [{}, {}]);
  await until(() => stage.received.length > 0, { what: "an attempt" });
  await pauseSubscription(changing(database), id, { reason: "paused by ops" });
  await replayEvents(changing(database), id, { from: new Date(0).toISOString() });
  await deleteSubscription(changing(database), id);
  await until(
    async () => {
      const [left] = await database.app.query<{ readers: number; secrets: number }>({
        text: `select (select count(*)::int from log.readers where name like 'deliveries%') as readers, (select count(*)::int from deliveries.secrets) as secrets`,
      });
      return left?.readers === 0 && left.secrets === 0;
    },
    { what: "the readers to be removed" },
  );
});

test("two processes never deliver at once, and the second takes over when the first stops", async (t) => {
  const stage = await setStage(t);
  const { database, running } = stage;
  const ids = await sendEvents(database.owner, [{}]);
  await delivered(stage, 1);
  startDeliveries(t, database);
  ids.push(...(await sendEvents(database.owner, [{}, {}])));
  await delivered(stage, 3);
  assert.equal(stage.received.length, 3);
  await running.stop();
  ids.push(...(await sendEvents(database.owner, [{}, {}])));
  await delivered(stage, 5);
  assert.deepEqual(stage.accepted().sort(), ids.sort());
  const [state] = await database.app.query({ text: "select epoch from deliveries.state" });
  assert.deepEqual(state, { epoch: "2" });
});

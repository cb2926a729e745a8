import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { openNotifications } from "./notifications.ts";

/** Counts wakes and lets a test wait for the next one. */
function counter(): { count: number; wake: () => void; next: () => Promise<void> } {
  let heard = Promise.withResolvers<void>();
  return {
    count: 0,
    wake() {
      this.count += 1;
      heard.resolve();
      heard = Promise.withResolvers<void>();
    },
    next: () => heard.promise,
  };
}

async function listening(t: TestContext, channels: readonly string[]) {
  const database = await createTestDatabase(t);
  const errors: string[] = [];
  const notifications = openNotifications({
    url: database.urls.app,
    applicationName: "test",
    heartbeatMs: 100,
    random: () => 0,
    onError: (error) => errors.push(error.message),
  });
  t.after(() => notifications.close());
  const counters = channels.map((channel) => {
    const one = counter();
    notifications.subscribe(channel, () => one.wake());
    return one;
  });
  await Promise.all(channels.map((channel, i) => heardOnce(database, channel, counters[i])));
  return { database, notifications, errors, counters };
}

/** Notifies until the subscriber is woken: the subscription needs a moment to reach the server. */
async function heardOnce(
  database: TestDatabase,
  channel: string,
  one: ReturnType<typeof counter> | undefined,
): Promise<void> {
  const before = one?.count ?? 0;
  while (one?.count === before) {
    const heard = one.next();
    await database.owner.query({ text: `notify ${channel}` });
    // send another only when this one is lost: late ones would falsify later counts
    await Promise.race([heard, delay(lostAfterMs)]);
  }
}

const lostAfterMs = 1_000;

const listener = {
  text: `select pid from pg_stat_activity
         where datname = current_database() and application_name = 'test listen'`,
};

test("a subscriber is woken only by its own channel", async (t) => {
  const { database, counters } = await listening(t, ["weir_raw", "weir_auth"]);
  const [raw, auth] = counters;
  const before = auth?.count;
  const woken = raw?.next();
  await database.owner.query({ text: "notify weir_raw" });
  await woken;
  assert.equal(auth?.count, before);
});

test("after its connection was ended a subscriber is woken and receives notifications again", async (t) => {
  const { database, counters, errors } = await listening(t, ["weir_raw"]);
  const before = counters[0]?.count ?? 0;
  await database.owner.query({
    text: `select pg_terminate_backend(pid) from (${listener.text}) listening`,
  });
  // An earlier notification may still arrive, so wait for the broken connection.
  await until(() => errors.length === 1 && (counters[0]?.count ?? 0) > before, {
    what: "the connection to break and the subscriber to be woken",
  });
  await heardOnce(database, "weir_raw", counters[0]);
});

test("a frozen connection is closed and replaced", { timeout: 30_000 }, async (t) => {
  const { database, counters } = await listening(t, ["weir_raw"]);
  const [row] = await database.owner.query<{ pid: number }>(listener);
  const pid = row?.pid ?? 0;
  const woken = counters[0]?.next();
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGCONT"));
  await woken;
  await heardOnce(database, "weir_raw", counters[0]);
});

test("after unsubscribing there are no wakes, and the server stops listening", async (t) => {
  const { database, notifications, counters } = await listening(t, ["weir_raw"]);
  const other = counter();
  const unsubscribe = notifications.subscribe("weir_raw", () => other.wake());
  await heardOnce(database, "weir_raw", other);
  unsubscribe();
  unsubscribe();
  const before = other.count;
  await heardOnce(database, "weir_raw", counters[0]);
  assert.equal(other.count, before);
});

test("an invalid channel name is refused", async (t) => {
  const { notifications } = await listening(t, ["weir_raw"]);
  assert.throws(
    () => notifications.subscribe("weir raw; drop table", () => {}),
    /not a channel name/,
  );
});

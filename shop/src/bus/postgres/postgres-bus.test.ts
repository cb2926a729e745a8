import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import {
  type BusUnderTest,
  busConformance,
  consuming,
  messageFor,
  newQueue,
  recorder,
} from "../../../test/helpers/bus-conformance.ts";
import { createShopDatabases, queryShop } from "../../../test/helpers/databases.ts";
import { createLogger } from "../../foundation/logger.ts";
import { migrate, sqlFolder } from "../../foundation/migrate.ts";
import type { Bus } from "../bus.ts";
import { openPostgresBus, type PostgresBusOptions } from "./postgres-bus.ts";

const logger = createLogger("test", "silent");

interface Place extends BusUnderTest {
  open(options?: Partial<PostgresBusOptions>): Bus;
}

/** One for the file: every test has queues of its own. */
const { bus: url } = await createShopDatabases({ after }, ["bus"]);
await migrate({ url, folder: sqlFolder("bus"), logger, signal: AbortSignal.timeout(60_000) });

async function setUp(t: TestContext): Promise<Place> {
  return {
    open(options = {}) {
      const opened = openPostgresBus({
        ...{ url, applicationName: "bus test", logger, ...options },
      });
      t.after(() => opened.close());
      return opened;
    },
    deleteQueue: (queue) => queryShop(url, "delete from bus.queue where name = $1", [queue]).then(),
    async putRaw(queue, body) {
      await queryShop(url, "insert into bus.message (queue, body) values ($1, $2)", [queue, body]);
    },
    invalidBodies: ['{"specversion":"1.0","id":"raw"}', "[1]"],
    environment: { SHOP_BUS_DATABASE_URL: url, SHOP_BUS_LEASE_MS: "500" },
  };
}

test("conformance of the bus on PostgreSQL", async (t) => busConformance(t, setUp));

test("a slow consumer keeps its message for longer than a lease, because it prolongs it", async (t) => {
  const place = await setUp(t);
  const bus = place.open({ leaseMs: 300 });
  const queue = newQueue();
  let calls = 0;
  let finish = () => {};
  const { options } = recorder(queue, {
    // so that it cannot take the message a second time itself
    prefetch: 1,
    async handle() {
      calls += 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
  });
  await consuming(bus, options);
  await bus.publish([messageFor(queue)]);
  await until(() => calls === 1, { what: "the handler" });
  const first = await visibleAt(queue);
  await until(async () => (await visibleAt(queue)) > first + 900, { what: "three leases" });
  finish();
  await until(async () => (await messages(queue)) === 0, { what: "the acknowledgement" });
  assert.equal(calls, 1);
});

test("a handler whose lease was lost is notified by its signal, and its result does not count", async (t) => {
  const place = await setUp(t);
  const bus = place.open({ leaseMs: 300 });
  const queue = newQueue();
  const signals: AbortSignal[] = [];
  const { options } = recorder(queue, {
    prefetch: 1,
    async handle(_message, signal) {
      signals.push(signal);
      if (signals.length > 1) return;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  await consuming(bus, options);
  await bus.publish([messageFor(queue)]);
  await until(() => signals.length === 1, { what: "the handler" });
  // as a take of another consumer after the lease has ended
  await queryShop(
    url,
    "update bus.message set lease = gen_random_uuid(), visible_at = clock_timestamp() where queue = $1",
    [queue],
  );
  await until(() => signals.length === 2, { what: "the second delivery" });
  assert.equal(signals[0]?.aborted, true);
  await until(async () => (await messages(queue)) === 0, { what: "the acknowledgement" });
});

test("without notifications a consumer still gets messages, by polling", async (t) => {
  const place = await setUp(t);
  const bus = place.open({ pollMs: 50 });
  const queue = newQueue();
  const { handled, options } = recorder(queue);
  await consuming(bus, options);
  await place.putRaw(queue, JSON.stringify(messageFor(queue)));
  await until(() => handled.length === 1, { what: "the message" });
});

test("a role can execute only the functions it was granted, on its own queue, and read no table", async (t) => {
  const urls = await createShopDatabases(t, ["bus", "orders", "notifications"]);
  await migrate({ url: urls.bus, folder: sqlFolder("bus"), logger, signal: t.signal });
  const database = new URL(urls.bus).pathname.slice(1);
  await queryShop(
    urls.bus,
    `grant connect on database ${database} to shop_orders, shop_notifications`,
  );
  await queryShop(urls.bus, "select bus.allow_publisher('shop_orders')");
  await queryShop(urls.bus, "select bus.allow_consumer('shop_notifications', 'notifications')");
  const as = (role: string): string => {
    const url = new URL(urls.bus);
    url.username = role;
    return url.href;
  };
  const publisher = openPostgresBus({ url: as("shop_orders"), applicationName: "t", logger });
  const receiver = openPostgresBus({ url: as("shop_notifications"), applicationName: "t", logger });
  t.after(() => Promise.all([publisher.close(), receiver.close()]));
  const { handled, options } = recorder("notifications", { types: ["test.notifications"] });
  await consuming(receiver, options);
  await publisher.publish([messageFor("notifications")]);
  await until(() => handled.length === 1, { what: "the message" });

  const refused = /permission denied|may not use queue/;
  const attempts: readonly (readonly [string, string])[] = [
    ["shop_orders", "select * from bus.message"],
    ["shop_orders", "select * from bus.take('notifications', 1, 1000)"],
    ["shop_orders", "select bus.declare_queue('x', '{a}', 1)"],
    ["shop_orders", "select bus.allow_consumer('shop_orders', 'notifications')"],
    ["shop_notifications", "select bus.publish('[]')"],
    ["shop_notifications", "delete from bus.message"],
    ["shop_notifications", "select * from bus.dead_letter"],
    ["shop_notifications", "select * from bus.take('another', 1, 1000)"],
    ["shop_notifications", "select bus.declare_queue('another', '{a}', 1)"],
    ["shop_notifications", "select * from bus.dead_letters('another', 1)"],
    ["shop_notifications", "select bus.bury_message(1, 'x')"],
    [
      "shop_notifications",
      "insert into bus.consumer_role values ('shop_notifications', 'another')",
    ],
    ["shop_notifications", "create table bus.mine (id int)"],
  ];
  for (const [role, sql] of attempts) {
    await assert.rejects(queryShop(as(role), sql), refused, `${role}: ${sql}`);
  }
});

async function visibleAt(queue: string): Promise<number> {
  const [row] = await queryShop<{ at: Date }>(
    url,
    "select visible_at as at from bus.message where queue = $1",
    [queue],
  );
  return row?.at.getTime() ?? 0;
}

async function messages(queue: string): Promise<number> {
  const rows = await queryShop(url, "select from bus.message where queue = $1", [queue]);
  return rows.length;
}

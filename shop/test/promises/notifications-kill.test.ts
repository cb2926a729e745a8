/**
 * Every order message has exactly one effective notification for each channel, through kill -9 of the
 * notification service at any point. WEIR_TEST_SHOP_KILLS (3): how often it is killed.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Bus } from "../../src/bus/bus.ts";
import { openPostgresBus } from "../../src/bus/postgres/postgres-bus.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { queryShop } from "../helpers/databases.ts";
import { buildShopWith } from "../helpers/mutated-build.ts";
import {
  createNotificationDatabases,
  type NotificationDatabases,
} from "../helpers/notification-service.ts";
import {
  assertOnce,
  createOrders,
  everyOneOnce,
  killRounds,
  type Receiver,
  startReceiver,
  stored,
} from "../helpers/notification-trials.ts";
import { type ShopProcess, startShopProcess } from "../helpers/services.ts";

const kills = Number(process.env["WEIR_TEST_SHOP_KILLS"] ?? 3);

interface Place {
  readonly databases: NotificationDatabases;
  readonly receiver: Receiver;
  readonly bus: Bus;
  start(): Promise<ShopProcess>;
}

async function setUp(t: TestContext, main?: string): Promise<Place> {
  const databases = await createNotificationDatabases(t);
  const receiver = await startReceiver(t);
  const logger = createLogger("test", "silent");
  const bus = openPostgresBus({ url: databases.bus, applicationName: "test orders", logger });
  t.after(() => bus.close());
  const environment = {
    ...databases.environment,
    SHOP_BUS_LEASE_MS: "1000",
    SHOP_NOTIFICATIONS_CHANNELS: "log,webhook",
    SHOP_NOTIFICATIONS_WEBHOOK_URL: receiver.url,
    // a message may be in the process that is killed more than once
    SHOP_NOTIFICATIONS_DELIVERY_LIMIT: "1000",
  };
  const start = () =>
    startShopProcess(t, {
      names: ["notifications"],
      environment,
      ...(main === undefined ? {} : { main }),
    });
  return { databases, receiver, bus, start };
}

test(`${kills} times kill -9 of the notification service: each order message has one effective notification`, async (t) => {
  const { databases, receiver, bus, start } = await setUp(t);
  const orders = createOrders(bus);
  await killRounds({ kills, start, orders, receiver });
  // and what an outbox that was killed before it noted the confirmation publishes again
  await orders.replay();
  const service = await start();
  await everyOneOnce(orders, { database: databases.notifications, receiver });
  assert.equal(await service.stop(), 0);
});

test("control: without the inbox a message that comes again is a second notification, which the promise notices", async (t) => {
  const main = await buildShopWith(t, [
    {
      in: "sql/notifications/0001_notifications.sql",
      from: "unique (message_id, channel)",
      to: "unique (id)",
    },
    { in: "src/notifications/store.ts", from: "known.length > 0", to: "known.length > 1000" },
    {
      in: "src/notifications/notification.ts",
      from: 'createHash("sha256")',
      to: 'createHash("sha256").update(String(Math.random()))',
    },
  ]);
  const { databases, receiver, bus, start } = await setUp(t, main);
  const orders = createOrders(bus);
  await start();
  await orders.publish(1);
  await orders.replay();
  await until(async () => (await stored(databases.notifications)).length === 4, {
    what: "the second notification",
  });
  const rows = await stored(databases.notifications);
  assert.throws(() => assertOnce(orders, rows, receiver), assert.AssertionError);
});

test("control: a message that is acknowledged before its notification is sent is lost with the process", async (t) => {
  const main = await buildShopWith(t, [
    {
      in: "src/notifications/start-notifications.ts",
      from: "handle: deliver,",
      to: "handle: async (message, signal) => void deliver(message, signal).catch(() => {}),",
    },
  ]);
  const { databases, receiver, bus, start } = await setUp(t, main);
  const orders = createOrders(bus);
  receiver.hold(true);
  const first = await start();
  await orders.publish(1);
  await until(() => receiver.calls.length > 0, { what: "the call that is not answered" });
  const isEmpty = async () =>
    (await queryShop(databases.bus, "select from bus.message")).length === 0;
  await until(isEmpty, { what: "the acknowledgement" });
  await first.kill();
  receiver.hold(false);
  const second = await start();
  const ready = `${second.urls["notifications"]}/health/ready`;
  await until(() => fetch(ready).then(({ ok }) => ok), { what: "the service" });
  // nothing is left that could send it
  assert.equal(await isEmpty(), true);
  const webhook = (await stored(databases.notifications)).find((one) => one.channel === "webhook");
  assert.equal(webhook?.state, "sending");
});

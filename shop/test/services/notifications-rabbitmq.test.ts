/**
 * Every order message has exactly one effective notification for each channel, with a real RabbitMQ, through
 * kill -9 of the service and of RabbitMQ, a frozen RabbitMQ, its disk alarm, and a deleted queue.
 * WEIR_TEST_SHOP_KILLS (3): how often the service is killed. WEIR_TEST_SHOP_FREEZE_MS (0): how long RabbitMQ
 * stays frozen after a publish has failed.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Connection } from "rabbitmq-client";
import { listenLocally } from "../../../testing/local-port.ts";
import { type RabbitMqServer, startRabbitMq } from "../../../testing/servers/rabbitmq.ts";
import { requireServers } from "../../../testing/servers/required-servers.ts";
import { until } from "../../../testing/until.ts";
import { type Bus, BusError } from "../../src/bus/bus.ts";
import { openRabbitMqBus } from "../../src/bus/rabbitmq/rabbitmq-bus.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { queryShop } from "../helpers/databases.ts";
import { buildShopWith } from "../helpers/mutated-build.ts";
import { createNotificationDatabases } from "../helpers/notification-service.ts";
import {
  createOrders,
  everyOneOnce,
  killRounds,
  type Orders,
  type Receiver,
  startReceiver,
  stored,
} from "../helpers/notification-trials.ts";
import { type ShopProcess, startShopProcess } from "../helpers/services.ts";

const kills = Number(process.env["WEIR_TEST_SHOP_KILLS"] ?? 3);
const freezeMs = Number(process.env["WEIR_TEST_SHOP_FREEZE_MS"] ?? 0);
const queue = "shop.notifications";
const publishMs = 3_000;

const needed = await requireServers("rabbitmq");
/** One for the file: it starts in 12 seconds. */
const started = needed.skip === false ? startRabbitMq({ after }) : undefined;

interface Place {
  readonly server: RabbitMqServer;
  readonly bus: Bus;
  readonly orders: Orders;
  readonly receiver: Receiver;
  /** Of the service. */
  readonly database: string;
  start(): Promise<ShopProcess>;
}

async function setUp(t: TestContext, main?: string): Promise<Place> {
  const server = await started;
  assert.ok(server);
  const { environment, notifications: database } = await createNotificationDatabases(t);
  const receiver = await startReceiver(t);
  const logger = createLogger("test", process.env["WEIR_TEST_LOG"] ?? "silent");
  const bus = openRabbitMqBus({
    ...{ url: server.url, applicationName: "test orders", logger, timeoutMs: publishMs },
  });
  t.after(() => bus.close());
  const orders = createOrders(bus);
  const ordersUrl = await startReplay(t, orders);
  await onBroker(server, async (broker) => {
    await broker.queueDelete({ queue });
    await broker.queueDelete({ queue: `${queue}.dead-letters` });
  });
  const start = () =>
    startShopProcess(t, {
      names: ["notifications"],
      environment: {
        ...environment,
        SHOP_RABBITMQ_URL: server.url,
        SHOP_ORDERS_URL: ordersUrl,
        SHOP_NOTIFICATIONS_CHANNELS: "log,webhook",
        // held calls end after it
        SHOP_NOTIFICATIONS_CHANNEL_TIMEOUT_MS: "2000",
        SHOP_NOTIFICATIONS_WEBHOOK_URL: receiver.url,
        // a message may be in the process that is killed more than once
        SHOP_NOTIFICATIONS_DELIVERY_LIMIT: "1000",
      },
      ...(main === undefined ? {} : { main }),
    });
  return { server, bus, orders, receiver, database, start };
}

/** The one route of orders that the service calls: it publishes everything again. */
async function startReplay(t: TestContext, orders: Orders): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(202, { "content-type": "application/json" }).end("{}");
    // as the relay of an outbox: after the answer, until it is confirmed
    if (request.url === "/events/replay") replays.push(orders.replay());
  });
  const replays: Promise<void>[] = [];
  t.after(() => Promise.all(replays));
  return `http://127.0.0.1:${await listenLocally(t, server)}`;
}

async function onBroker(
  server: RabbitMqServer,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = new Connection(server.url);
  connection.on("error", () => {});
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

const failsWith = (...codes: readonly string[]) => {
  return (error: unknown) => error instanceof BusError && codes.includes(error.code);
};

test(
  "one effective notification for each order message, whatever happens to the service and to RabbitMQ",
  needed,
  async (t) => {
    const { server, bus, orders, receiver, database, start } = await setUp(t);
    await killRounds({ kills, start, orders, receiver });
    const service = await start();
    // one whose publishing fails may arrive all the same
    const known = () => orders.messages.slice(0, 1);
    const check = () => everyOneOnce(orders, { database, receiver });

    await t.test(
      "RabbitMQ is frozen: publishing fails within its time limit, and works afterwards",
      async () => {
        server.freeze();
        await assert.rejects(bus.publish(known()), failsWith("timed_out", "unavailable"));
        const published = orders.publish(10);
        await wait(freezeMs);
        server.continue();
        await published;
        await check();
      },
    );

    await t.test("RabbitMQ is killed while messages are published", async () => {
      const published = orders.publish(50);
      await server.kill();
      assert.equal(await until(async () => !(await bus.health()).ok, { what: "the loss" }), true);
      await server.start();
      await published;
      await check();
    });

    await t.test(
      "the disk alarm is on: publishing fails with the reason, and works afterwards",
      async () => {
        await server.control("set_disk_free_limit", "100000GB");
        await until(() => bus.publish(known()).then(() => false, failsWith("blocked")), {
          what: "a publish that is refused",
        });
        await assert.rejects(bus.publish(known()), /RabbitMQ refuses messages: .*disk/);
        assert.match((await bus.health()).reason ?? "", /disk/);
        const published = orders.publish(10);
        await server.control("set_disk_free_limit", "50MB");
        await published;
        await check();
      },
    );

    await t.test("the queue is deleted with messages in it", async () => {
      receiver.hold(true);
      const before = receiver.calls.length;
      await orders.publish(20);
      await until(() => receiver.calls.length > before, { what: "messages at work" });
      await onBroker(server, async (broker) => {
        await broker.queueDelete({ queue });
      });
      receiver.hold(false);
      await check();
    });

    assert.equal(await service.stop(), 0);
  },
);

test(
  "control: without the catch-up the messages of a deleted queue have no notification",
  needed,
  async (t) => {
    const main = await buildShopWith(t, [
      {
        in: "src/notifications/start-notifications.ts",
        from: "missing: () => catchUp.note(),",
        to: "missing: () => Promise.resolve(),",
      },
    ]);
    const { server, orders, database, start } = await setUp(t, main);
    const first = await start();
    await orders.publish(1);
    await until(async () => (await stored(database)).length === 2, { what: "the first message" });
    await first.stop();
    await orders.publish(5);
    await onBroker(server, async (broker) => {
      await broker.queueDelete({ queue });
    });
    await start();
    await orders.publish(1);
    await until(async () => (await stored(database)).length === 4, { what: "the last message" });
    assert.deepEqual(await queryShop(database, "select from catch_up"), []);
  },
);

import { type TestContext, test } from "node:test";
import { Connection } from "rabbitmq-client";
import { type RabbitMqServer, startRabbitMq } from "../../../testing/servers/rabbitmq.ts";
import { requireServers } from "../../../testing/servers/required-servers.ts";
import type { Bus } from "../../src/bus/bus.ts";
import { openRabbitMqBus, type RabbitMqBusOptions } from "../../src/bus/rabbitmq/rabbitmq-bus.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { type BusUnderTest, busConformance } from "../helpers/bus-conformance.ts";

const { skip } = await requireServers("rabbitmq");
const logger = createLogger("test", process.env["WEIR_TEST_LOG"] ?? "silent");

interface Place extends BusUnderTest {
  open(options?: Partial<RabbitMqBusOptions>): Bus;
}

test("conformance of the bus on RabbitMQ", { skip }, async (t) => {
  const server = await startRabbitMq(t);
  await busConformance(t, async (subtest) => place(subtest, server));
});

function place(t: TestContext, server: RabbitMqServer): Place {
  return {
    open(options = {}) {
      const bus = openRabbitMqBus({
        url: server.url,
        applicationName: "bus test",
        logger,
        ...options,
      });
      t.after(() => bus.close());
      return bus;
    },
    deleteQueue: (queue) => onBroker(server, (connection) => connection.queueDelete(queue).then()),
    putRaw: (queue, body) =>
      onBroker(server, async (connection) => {
        const publisher = connection.createPublisher({ confirm: true });
        await publisher.send({ routingKey: queue, durable: true }, Buffer.from(body));
        await publisher.close();
      }),
    invalidBodies: ["{ no JSON at all", '{"specversion":"1.0","id":"raw"}', "[1]", ""],
    environment: { SHOP_RABBITMQ_URL: server.url },
  };
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

import type { Logger } from "../../foundation/logger.ts";
import { type Bus, BusError, type Consumer } from "../bus.ts";
import { connectBroker } from "./connection.ts";
import { consumeFromRabbitMq } from "./consumer.ts";
import { rabbitMqDeadLetters } from "./dead-letters.ts";
import { eventExchange } from "./names.ts";
import { createPublisher } from "./publisher.ts";

export interface RabbitMqBusOptions {
  /** `amqp://user:password@host:port/vhost` */
  readonly url: string;
  /** Shown in RabbitMQ's list of connections. */
  readonly applicationName: string;
  readonly logger: Logger;
  /** For a publish, and for each answer of the broker; default 5 s. */
  readonly timeoutMs?: number;
  /** How long `close` waits for handlers; default 10 s. */
  readonly drainMs?: number;
}

/** The bus on RabbitMQ from 3.10 on. Connects by itself, again and again. */
export function openRabbitMqBus(options: RabbitMqBusOptions): Bus {
  const { url, applicationName, logger, timeoutMs = 5_000, drainMs = 10_000 } = options;
  const connect = (purpose: string) =>
    connectBroker({ url, name: `${applicationName} ${purpose}`, logger, timeoutMs });
  const publishing = connect("publisher");
  const consuming = connect("consumer");
  const publisher = createPublisher(publishing, timeoutMs);
  const consumers = new Set<Consumer>();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await Promise.all([...consumers].map((consumer) => consumer.close()));
    await publisher.close();
    await Promise.all([publishing.close(), consuming.close()]);
  }

  return {
    async publish(messages) {
      if (closing !== undefined) throw new BusError("closed", "the bus is closed");
      const outgoing = messages.map((message) => ({
        exchange: eventExchange,
        routingKey: message.type,
        messageId: message.id,
        body: Buffer.from(JSON.stringify(message), "utf8"),
      }));
      if (outgoing.length > 0) await publisher.send(outgoing);
    },
    consume(wanted) {
      if (closing !== undefined) throw new BusError("closed", "the bus is closed");
      const consumer = consumeFromRabbitMq(wanted, { broker: consuming, publisher, drainMs });
      consumers.add(consumer);
      return consumer;
    },
    deadLetters: (queue) => rabbitMqDeadLetters(queue, { broker: consuming, publisher }),
    async health() {
      const { downBecause, blockedBecause } = publishing;
      const reason =
        downBecause ?? (blockedBecause && `refuses messages: ${blockedBecause}`) ?? undefined;
      return reason === undefined
        ? { driver: "rabbitmq", ok: true }
        : { driver: "rabbitmq", ok: false, reason: `RabbitMQ ${reason}` };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

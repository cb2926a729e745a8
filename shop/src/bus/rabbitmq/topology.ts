import type { Channel } from "rabbitmq-client";
import type { ConsumeOptions } from "../bus.ts";
import type { Broker } from "./connection.ts";
import {
  deadLetterExchange,
  deadLetterQueue,
  deadLetterQueueArguments,
  eventExchange,
  queueArguments,
  retryQueue,
  retryQueueArguments,
} from "./names.ts";

/** The broker answers the question for a queue that is not there by closing the channel. */
export async function queueExists(broker: Broker, queue: string): Promise<boolean> {
  const channel = await broker.openChannel();
  try {
    await broker.limited(channel.queueDeclare({ queue, passive: true }), `look for ${queue}`);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  } finally {
    void channel.close();
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === "NOT_FOUND";
}

/** Everything that the queue needs; what is there already is left as it is. */
export async function declareQueue(
  broker: Broker,
  channel: Channel,
  { queue, types, deliveryLimit, retryDelaysMs }: ConsumeOptions,
): Promise<void> {
  const declare = (call: Promise<unknown>, what: string) => broker.limited(call, `declare ${what}`);
  const durable = true;
  await declare(
    channel.exchangeDeclare({ exchange: eventExchange, type: "topic", durable }),
    eventExchange,
  );
  await declare(
    channel.exchangeDeclare({ exchange: deadLetterExchange, type: "direct", durable }),
    deadLetterExchange,
  );
  const dead = deadLetterQueue(queue);
  const deadArguments = { ...deadLetterQueueArguments };
  await declare(channel.queueDeclare({ queue: dead, durable, arguments: deadArguments }), dead);
  await declare(
    channel.queueBind({ exchange: deadLetterExchange, queue: dead, routingKey: queue }),
    dead,
  );
  for (const delayMs of new Set(retryDelaysMs)) {
    const name = retryQueue(queue, delayMs);
    const args = retryQueueArguments(queue, delayMs);
    await declare(channel.queueDeclare({ queue: name, durable, arguments: args }), name);
  }
  const args = queueArguments(queue, deliveryLimit);
  await declare(channel.queueDeclare({ queue, durable, arguments: args }), queue);
  for (const type of types) {
    await declare(channel.queueBind({ exchange: eventExchange, queue, routingKey: type }), queue);
  }
}

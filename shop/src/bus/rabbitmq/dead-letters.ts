import type { Channel, SyncMessage } from "rabbitmq-client";
import type { DeadLetter, DeadLetters } from "../bus.ts";
import type { Broker } from "./connection.ts";
import { bodyOf } from "./consumer.ts";
import { deadLetterQueue, headers } from "./names.ts";
import type { Publisher } from "./publisher.ts";
import { isNotFound } from "./topology.ts";

/** Messages that are looked at are invisible to others until the channel closes: one look at a time. */
export function rabbitMqDeadLetters(
  queue: string,
  { broker, publisher }: { readonly broker: Broker; readonly publisher: Publisher },
): DeadLetters {
  let last: Promise<unknown> = Promise.resolve();
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }

  /** Calls `visit` with each until it returns true. */
  async function scan(
    visit: (message: SyncMessage, channel: Channel) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    const channel = await broker.openChannel();
    try {
      for (;;) {
        const message = await broker.limited(
          channel.basicGet({ queue: deadLetterQueue(queue) }),
          "look at a dead letter",
        );
        if (message === undefined) return false;
        if (await visit(message, channel)) return true;
      }
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    } finally {
      // those that were not acknowledged are back in their queue
      await broker.limited(channel.close(), "close a channel").catch(() => {});
    }
  }

  const remove = (id: string, isReplayed: boolean) =>
    scan(async (message, channel) => {
      if (message.messageId !== id) return false;
      if (isReplayed) {
        const body = bodyOf(message);
        await publisher.send([{ exchange: "", routingKey: queue, messageId: id, body }]);
      }
      channel.basicAck({ deliveryTag: message.deliveryTag });
      return true;
    });

  return {
    list: (limit = 100) =>
      alone(async () => {
        const found: DeadLetter[] = [];
        if (limit > 0) await scan((message) => found.push(toDeadLetter(message)) >= limit);
        return found;
      }),
    replay: (id) => alone(() => remove(id, true)),
    discard: (id) => alone(() => remove(id, false)),
  };
}

function toDeadLetter(message: SyncMessage): DeadLetter {
  const given = message.headers ?? {};
  const reason = given[headers.reason];
  const failedAt = given[headers.failedAt];
  return {
    id: message.messageId ?? "",
    body: bodyOf(message).toString("utf8"),
    // without a note of the driver, the broker has applied the delivery limit
    reason:
      typeof reason === "string" ? reason : "its consumers died while they handled the message",
    deliveries: Number(given[headers.deliveries] ?? 0),
    ...(typeof failedAt === "string" ? { failedAt } : {}),
  };
}

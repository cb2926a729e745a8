import type { Channel, ReturnedMessage } from "rabbitmq-client";
import { BusError } from "../bus.ts";
import { reasonOf, within } from "../handling.ts";
import type { Broker } from "./connection.ts";
import { eventExchange } from "./names.ts";

export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, unknown>>;
}

export interface Publisher {
  /** Resolves when the broker has confirmed all of them and routed each to a queue. @throws BusError */
  send(messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

const closeMs = 2_000;

export function createPublisher(broker: Broker, timeoutMs: number): Publisher {
  let opened: Promise<ConfirmChannel> | undefined;

  function channel(): Promise<ConfirmChannel> {
    opened ??= openConfirmChannel(broker).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }

  /** A message written while the broker is blocked would wait in this process: nothing is written then. */
  async function untilAccepting(deadline: number): Promise<void> {
    while (broker.blockedBecause !== undefined) {
      const left = deadline - performance.now();
      if (left <= 0) throw refusal(broker, timeoutMs);
      await broker.changed(left);
    }
  }

  async function send(messages: readonly OutgoingMessage[]): Promise<void> {
    await untilAccepting(performance.now() + timeoutMs);
    const current = await channel();
    try {
      await broker.limited(current.publish(messages), "confirm messages");
    } catch (error) {
      if (error instanceof BusError && error.code === "unroutable") throw error;
      // its confirms may never come
      opened = undefined;
      void current.close();
      if (error instanceof BusError && error.code === "timed_out") {
        throw refusal(broker, timeoutMs, error);
      }
      throw new BusError("unavailable", `RabbitMQ: ${reasonOf(error)}`, { cause: error });
    }
  }

  return {
    send,
    async close() {
      const current = await opened?.catch(() => undefined);
      // a broker that hangs: the end of the connection ends the channel
      if (current !== undefined) await within(current.close(), closeMs);
    },
  };
}

function refusal(broker: Broker, timeoutMs: number, cause?: Error): BusError {
  const { blockedBecause } = broker;
  if (blockedBecause === undefined) {
    return new BusError("timed_out", `RabbitMQ did not confirm within ${timeoutMs} ms`, { cause });
  }
  const why = `RabbitMQ refuses messages: ${blockedBecause}`;
  return new BusError("blocked", `${why}; waited ${timeoutMs} ms`, { cause });
}

interface ConfirmChannel {
  publish(messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

async function openConfirmChannel(broker: Broker): Promise<ConfirmChannel> {
  const channel = await broker.openChannel();
  const returned = new Map<string, string>();
  channel.on("basic.return", ({ messageId, replyText }: ReturnedMessage) => {
    if (messageId !== undefined) returned.set(messageId, replyText);
  });
  const exchange = { exchange: eventExchange, type: "topic", durable: true };
  await broker.limited(channel.exchangeDeclare(exchange), `declare ${eventExchange}`);
  await broker.limited(channel.confirmSelect(), "turn confirms on");
  return {
    async publish(messages) {
      const results = await Promise.allSettled(messages.map((message) => write(channel, message)));
      // the library emits the return of a message after it has resolved its confirm
      await new Promise((resolve) => setImmediate(resolve));
      const unroutable = messages.filter(({ messageId }) => returned.delete(messageId));
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      if (unroutable.length > 0) {
        const keys = [...new Set(unroutable.map(({ routingKey }) => routingKey))].join(", ");
        throw new BusError("unroutable", `no queue is bound to ${keys}`);
      }
    },
    close: () => channel.close(),
  };
}

function write(channel: Channel, message: OutgoingMessage): Promise<void> {
  const { exchange, routingKey, messageId, headers } = message;
  return channel.basicPublish(
    {
      exchange,
      routingKey,
      messageId,
      mandatory: true,
      durable: true,
      contentType: "application/cloudevents+json",
      ...(headers === undefined ? {} : { headers: { ...headers } }),
    },
    message.body,
  );
}

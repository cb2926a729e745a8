/** Clients of a real Kafka for tests, and a reader that shares no code with Weir's. */
import { randomUUID } from "node:crypto";
import { Consumer, MessagesStreamModes } from "@platformatic/kafka";
import type { CleanUp } from "../../../../testing/database.ts";
import type { KafkaServer } from "../../../../testing/servers/kafka.ts";
import { createKafkaAdmin, type KafkaAdmin } from "../../../src/adapters/kafka/admin.ts";
import type { KafkaConnection } from "../../../src/adapters/kafka/connection.ts";
import {
  createKafkaProducer,
  type KafkaProducer,
  type KafkaProducerOptions,
} from "../../../src/adapters/kafka/producer.ts";
import { ensureTopic } from "../../../src/adapters/kafka/topics.ts";
import type { Guard } from "../../../src/core/ports/guard.ts";

export function connectionTo(
  brokers: readonly string[],
  about: Partial<KafkaConnection> = {},
): KafkaConnection {
  return {
    brokers,
    clientId: "weir-test",
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 10_000,
    ...about,
  };
}

export function openAdmin(t: CleanUp, connection: KafkaConnection): KafkaAdmin {
  const admin = createKafkaAdmin(connection);
  t.after(() => admin.close().catch(() => {}));
  return admin;
}

/** Creates topics that brokers show when it resolves, and that keep messages of any age. */
export async function createTopics(
  brokers: readonly string[],
  { names, partitions }: { readonly names: readonly string[]; readonly partitions: number },
): Promise<void> {
  const admin = createKafkaAdmin(connectionTo(brokers));
  try {
    for (const name of names) {
      const settings = { name, partitions, replication: 1, minInsyncReplicas: 1, retentionMs: -1 };
      const size = { maxMessageBytes: 1_048_588 };
      await ensureTopic(admin, { ...settings, ...size }, { create: true, fix: false });
    }
  } finally {
    await admin.close();
  }
}

/** With a time limit and nothing else. */
export function limitOf(timeoutMs: number): Guard {
  return {
    name: "kafka",
    state: "CLOSED",
    retryAfterMs: 0,
    execute(work, outer) {
      const limit = AbortSignal.timeout(timeoutMs);
      return work(outer === undefined ? limit : AbortSignal.any([limit, outer]));
    },
  };
}

export function openProducer(
  t: CleanUp,
  connection: KafkaConnection,
  about: Partial<KafkaProducerOptions> = {},
): KafkaProducer {
  const producer = createKafkaProducer({
    ...connection,
    compression: "none",
    guard: limitOf(20_000),
    ...about,
  });
  t.after(() => producer.close());
  return producer;
}

export interface ReadMessage {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Everything that is in the topic now, each partition in its order. */
export async function readTopic(
  server: Pick<KafkaServer, "brokers">,
  topic: string,
): Promise<readonly ReadMessage[]> {
  const admin = createKafkaAdmin(connectionTo(server.brokers));
  const { end } = await admin.offsets(topic);
  await admin.close();
  const missing = new Map([...end].filter(([, offset]) => offset > 0n));
  const messages: ReadMessage[] = [];
  if (missing.size === 0) return messages;
  const consumer = new Consumer({
    clientId: "weir-test-reader",
    groupId: `test-${randomUUID()}`,
    bootstrapBrokers: [...server.brokers],
    maxWaitTime: 100,
  });
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
    });
    for await (const message of stream) {
      messages.push({
        partition: message.partition,
        offset: Number(message.offset),
        key: message.key.toString(),
        value: message.value,
        headers: Object.fromEntries(
          [...message.headers].map(([name, text]) => [name.toString(), text.toString()]),
        ),
      });
      const wanted = missing.get(message.partition);
      if (wanted !== undefined && message.offset + 1n >= wanted) missing.delete(message.partition);
      if (missing.size === 0) break;
    }
  } finally {
    await consumer.close(true);
  }
  return messages.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

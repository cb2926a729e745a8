/** Topic `events` for tests of its consumers: what the relay would write, read from the raw log. */
import {
  Admin,
  Consumer,
  type MessageToProduce,
  Producer,
  stringDeserializer,
} from "@platformatic/kafka";
import { topics } from "@weir/protocol";
import type { CleanUp, TestDatabase } from "../../../../testing/database.ts";
import {
  eventMessageHeaders,
  eventMessageKey,
  eventMessageValue,
  type LoggedEvent,
} from "../../../src/core/event/event-message.ts";
import { createTopics } from "../kafka/connect.ts";

export type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

export interface EventsTopic {
  /** Resolves when the broker has all of them. */
  send(messages: readonly Message[]): Promise<void>;
  /** The messages of `events.dlq` so far: value and headers. */
  deadLetters(): Promise<DeadMessage[]>;
}

export interface DeadMessage {
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

export async function createEventsTopic(
  t: CleanUp,
  brokers: readonly string[],
  partitions = 3,
): Promise<EventsTopic> {
  const base = { clientId: "test", bootstrapBrokers: [...brokers] };
  await createTopics(brokers, { names: [topics.events, topics.eventsDlq], partitions });
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, acks: -1 });
  t.after(() => producer.close(true));
  return {
    async send(messages) {
      for (let at = 0; at < messages.length; at += 1_000) {
        await producer.send({ messages: messages.slice(at, at + 1_000), acks: -1 });
      }
    },
    deadLetters: () => readAll(brokers, topics.eventsDlq),
  };
}

async function readAll(brokers: readonly string[], topic: string): Promise<DeadMessage[]> {
  const admin = new Admin({ clientId: "test", bootstrapBrokers: [...brokers] });
  const consumer = new Consumer({
    groupId: `test-${process.pid}-${performance.now()}`,
    clientId: "test",
    bootstrapBrokers: [...brokers],
    deserializers: { value: stringDeserializer },
  });
  const found: DeadMessage[] = [];
  try {
    const ends = await consumer.listOffsets({ topics: [topic] });
    let left = [...(ends.get(topic) ?? [])].reduce((sum, end) => sum + Number(end), 0);
    if (left === 0) return found;
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    for await (const message of stream) {
      found.push({
        value: message.value ?? "",
        headers: Object.fromEntries(
          [...message.headers].map(([name, value]) => [String(name), String(value)]),
        ),
      });
      if (--left === 0) break;
    }
    await stream.close();
  } finally {
    await consumer.close(true);
    await admin.close();
  }
  return found;
}

/** The messages of all raw events, in the order of the log. */
export async function messagesOfLog(database: TestDatabase): Promise<Message[]> {
  const instant = (column: string) =>
    `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const events = await database.owner.query<LoggedEvent>({
    text: `select coalesce(s.name, 'service-' || r.service_id) as service, r.service_id as "serviceId", r.format,
             r.event_id::text as "eventId", r.event_ref as "eventRef", r.event_type as "eventType",
             ${instant("r.occurred_at")} as "occurredAt", ${instant("r.received_at")} as "receivedAt",
             r.user_key as "userKey", r.product_key as "productKey", r.amount::text as amount, r.currency,
             r.items::text as items, r.xid::text as xid, 'test' as incarnation, r.payload
           from raw.events r left join auth.services s on s.id = r.service_id order by r.xid, r.event_id`,
  });
  return events.map((event) => ({
    topic: topics.events,
    key: Buffer.from(eventMessageKey(event, "user")),
    value: eventMessageValue(event),
    headers: new Map(
      Object.entries(eventMessageHeaders(event)).map(([name, value]) => [
        Buffer.from(name),
        Buffer.from(value),
      ]),
    ),
  }));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, Producer, ProduceAcks } from "@platformatic/kafka";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { until } from "../../../../testing/until.ts";
import { createGroupConsumer } from "../../../src/adapters/kafka/consumer/group-consumer.ts";
import type { GroupConsumerOptions } from "../../../src/adapters/kafka/consumer/options.ts";
import type { Message } from "../../../src/core/ports/messages.ts";

const log: string[] = [];
test("two members share the partitions, one leaves, nothing is lost", async (t) => {
  const kafka = await startKafka(t);
  const admin = new Admin({ clientId: "t", bootstrapBrokers: [...kafka.brokers] });
  t.after(() => admin.close());
  await admin.createTopics({ topics: ["raw_data"], partitions: 6, replicas: 1 });
  const producer = new Producer({ clientId: "t", bootstrapBrokers: [...kafka.brokers], idempotent: true });
  t.after(() => producer.close(true));
  const seen = new Map<string, number>();
  const member = (name: string) => {
    const running = new AbortController();
    const mine: Message[] = [];
    const options: GroupConsumerOptions = {
      connection: { brokers: kafka.brokers, clientId: name, connectTimeoutMs: 2000, requestTimeoutMs: 5000 },
      topic: "raw_data", group: "g", startFrom: "earliest", maxBytes: 16e6, batch: { messages: 100, bytes: 1e6 },
      async handle(messages) {
        mine.push(...messages);
        for (const m of messages) { const k = String(m.value); seen.set(k, (seen.get(k) ?? 0) + 1); }
      },
      observer: {
        assigned: (p) => log.push(`${name} assigned ${p}`), rebalancing: () => log.push(`${name} rebalancing`),
        committed() {}, fenced: () => log.push(`${name} fenced`), reset: (r) => log.push(`${name} reset ${r.from}`),
        inFlight() {}, stuck: (_p, e) => log.push(`${name} stuck ${e}`), failed: (e) => log.push(`${name} failed ${(e as Error).stack}`), succeeded() {},
      },
    };
    const consumer = createGroupConsumer(options);
    const done = consumer.run(running.signal);
    return { mine, consumer, async stop() { running.abort(); await done; } };
  };
  const send = async (from: number, n: number) => {
    await producer.send({ messages: Array.from({ length: n }, (_, i) => ({ topic: "raw_data", key: Buffer.from(`k${from + i}`), value: Buffer.from(String(from + i)), headers: new Map([[Buffer.from("h"), Buffer.from("1")]]) })), acks: ProduceAcks.ALL });
  };
  const a = member("a");
  await send(0, 1000);
  await until(() => seen.size === 1000, { what: () => `x ${seen.size}\n${log.join("\n")}` });
  log.push(`a got ${a.mine.length}`);
  const b = member("b");
  await until(() => log.some((l) => l.startsWith("b assigned")), { what: () => `x ${seen.size}\n${log.join("\n")}` });
  await send(1000, 1000);
  await until(() => seen.size === 2000, { what: () => `x ${seen.size}\n${log.join("\n")}` });
  log.push(`b got ${b.mine.length}`);
  await b.stop();
  await send(2000, 1000);
  await until(() => seen.size === 3000, { what: () => `x ${seen.size}\n${log.join("\n")}` });
  await until(() => [...a.consumer.lag().values()].every((n) => n === 0n), { what: () => `x ${seen.size}\n${log.join("\n")}` });
  await kafka.kill(); await kafka.start();
  await send(3000, 1000);
  await until(() => seen.size === 4000, { what: () => `x ${seen.size}\n${log.join("\n")}` });
  await a.stop();
  console.log(log.join("\n"));
  assert.equal(Math.max(...seen.values()), 1);
});

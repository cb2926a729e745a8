import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import {
  Admin,
  type BaseOptions,
  Consumer,
  Producer,
  stringSerializers,
} from "@platformatic/kafka";
import { type KafkaServer, startKafka } from "../../../../testing/servers/kafka.ts";
import { countBrokers } from "../../../../testing/servers/kafka-request.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";

const needed = await requireServers("kafka");

test(
  "A real Kafka keeps its port and its messages over restart and SIGKILL, can be frozen, and loses all when wiped",
  needed,
  async (t) => {
    const kafka = await startKafka(t);
    const plain = { clientId: "test", bootstrapBrokers: [...kafka.brokers], retries: 10 };
    await createTopic(t, plain);
    await produce(t, plain, "first");

    const { pid } = kafka;
    await kafka.restart();
    assert.notEqual(kafka.pid, pid);
    await produce(t, plain, "second");
    await kafka.kill();
    assert.equal(await answers(kafka), false);
    await kafka.start();
    assert.deepEqual(await readAll(t, plain, 2), ["first", "second"]);

    kafka.freeze();
    await assert.rejects(countBrokers(portOf(kafka), 300), /no answer/);
    kafka.continue();
    assert.equal(await answers(kafka), true);

    await kafka.wipe();
    const admin = new Admin(plain);
    t.after(() => admin.close());
    assert.deepEqual(await admin.listTopics(), []);

    if (process.getuid?.() === 0) {
      const status = readFileSync(`/proc/${kafka.pid}/status`, "utf8");
      assert.doesNotMatch(status, /^Uid:\t0/m, "it does not run as root");
    }
  },
);

test(
  "A Kafka with users and TLS accepts SCRAM and PLAIN, and refuses wrong passwords",
  needed,
  async (t) => {
    const kafka = await startKafka(t, { users: { weir: "secret" }, tls: true });
    const secure = (mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512" | "PLAIN", password: string) => ({
      clientId: "test",
      bootstrapBrokers: [...kafka.secure.brokers],
      tls: { ca: kafka.secure.ca },
      sasl: { mechanism, username: "weir", password },
      retries: 0,
    });
    await createTopic(t, { clientId: "test", bootstrapBrokers: [...kafka.brokers] });
    for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] as const) {
      await produce(t, secure(mechanism, "secret"), mechanism);
      await assert.rejects(produce(t, secure(mechanism, "wrong"), "never"));
    }
    // the first consumer of a broker waits until the coordinator's topic exists
    const reading = { ...secure("PLAIN", "secret"), retries: 10 };
    assert.equal((await readAll(t, reading, 3)).length, 3);
  },
);

function portOf(kafka: KafkaServer): number {
  return kafka.ports["broker"] ?? 0;
}

function answers(kafka: KafkaServer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(portOf(kafka), "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

async function createTopic(t: TestContext, options: BaseOptions): Promise<void> {
  const admin = new Admin(options);
  t.after(() => admin.close());
  await admin.createTopics({ topics: ["messages"], partitions: 1, replicas: 1 });
}

async function produce(t: TestContext, options: BaseOptions, value: string): Promise<void> {
  const producer = new Producer({ ...options, serializers: stringSerializers });
  t.after(() => producer.close());
  await producer.send({ messages: [{ topic: "messages", value }], acks: -1 });
}

async function readAll(t: TestContext, options: BaseOptions, count: number): Promise<string[]> {
  const consumer = new Consumer({ ...options, groupId: `readers-${count}` });
  const stream = await consumer.consume({
    topics: ["messages"],
    mode: "earliest",
    autocommit: false,
  });
  t.after(() => consumer.close(true));
  const values: string[] = [];
  for await (const message of stream) {
    values.push(String(message.value));
    if (values.length === count) break;
  }
  return values;
}

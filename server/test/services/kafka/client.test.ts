/** The client of Kafka against a real broker: producing, compression, topics, and a broker that is down or frozen. */
import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { type KafkaServer, startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import type { KafkaAdmin } from "../../../src/adapters/kafka/admin.ts";
import { kafkaCheck } from "../../../src/adapters/kafka/health.ts";
import type { OutgoingMessage } from "../../../src/adapters/kafka/producer.ts";
import { ensureTopic, type TopicSettings } from "../../../src/adapters/kafka/topics.ts";
import { BrokerError } from "../../../src/core/ports/broker.ts";
import {
  connectionTo,
  limitOf,
  openAdmin,
  openProducer,
  readTopic,
} from "../../helpers/kafka/connect.ts";

const needed = await requireServers("kafka");
const hourMs = 3_600_000;

const settingsOf = (name: string, about: Partial<TopicSettings> = {}): TopicSettings => ({
  name,
  partitions: 3,
  replication: 1,
  minInsyncReplicas: 1,
  retentionMs: hourMs,
  maxMessageBytes: 1_048_588,
  ...about,
});
const create = { create: true, fix: false };

function message(topic: string, n: number, bytes = 0): OutgoingMessage {
  return {
    topic,
    key: Buffer.from(`key ${n % 7}`),
    value: Buffer.from(`${n} ${"ü".repeat(bytes / 2)}`),
    headers: new Map([[Buffer.from("kind"), Buffer.from("değer")]]),
  };
}

/** One for all tests of the file; those that kill or freeze it leave it running. */
const server =
  needed.skip === false ? await startKafka({ after }) : (undefined as unknown as KafkaServer);

async function withTopic(t: TestContext, name: string): Promise<{ admin: KafkaAdmin }> {
  const admin = openAdmin(t, connectionTo(server.brokers));
  await ensureTopic(admin, settingsOf(name), create);
  return { admin };
}

test("200 idempotent sends that run at the same time store 200 messages", needed, async (t) => {
  const { admin } = await withTopic(t, "parallel");
  const producer = openProducer(t, connectionTo(server.brokers));
  // Version 1.35 of the client fulfilled all of them and stored one.
  await Promise.all(Array.from({ length: 200 }, (_, n) => producer.send([message("parallel", n)])));
  const { end } = await admin.offsets("parallel");
  assert.equal(
    [...end.values()].reduce((sum, offset) => sum + offset, 0n),
    200n,
  );
  const values = (await readTopic(server, "parallel")).map(({ value }) =>
    Number.parseInt(value.toString(), 10),
  );
  assert.deepEqual(
    values.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n),
  );
});

test(
  "every compression keeps keys, values and headers, and the order of a key",
  needed,
  async (t) => {
    const { admin } = await withTopic(t, "first");
    for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      const topic = `compressed-${compression}`;
      await ensureTopic(admin, settingsOf(topic), create);
      const producer = openProducer(t, connectionTo(server.brokers), { compression });
      const sent = Array.from({ length: 300 }, (_, n) => message(topic, n, 1_000));
      for (let from = 0; from < sent.length; from += 100)
        await producer.send(sent.slice(from, from + 100));
      const read = await readTopic(server, topic);
      assert.equal(read.length, 300, compression);
      for (const key of new Set(sent.map((one) => one.key?.toString()))) {
        assert.deepEqual(
          read.filter((one) => one.key === key).map((one) => one.value.toString()),
          sent.filter((one) => one.key?.toString() === key).map((one) => one.value?.toString()),
        );
      }
      assert.deepEqual(read[0]?.headers, { kind: "değer" });
    }
  },
);

test(
  "topics are created once, verified, and changed only when that is configured",
  needed,
  async (t) => {
    const admin = openAdmin(t, connectionTo(server.brokers));
    const refused = ensureTopic(admin, settingsOf("checked"), { create: false, fix: false });
    await assert.rejects(refused, { name: "BrokerError", code: "unknown_topic" });
    const both = await Promise.all([
      ensureTopic(admin, settingsOf("checked"), create),
      ensureTopic(openAdmin(t, connectionTo(server.brokers)), settingsOf("checked"), create),
    ]);
    assert.deepEqual(
      both.map(({ differences }) => differences),
      [[], []],
    );

    const wanted = settingsOf("checked", {
      ...{ partitions: 5, retentionMs: 2 * hourMs, minInsyncReplicas: 2, replication: 3 },
    });
    const reported = await ensureTopic(admin, wanted, create);
    assert.equal(reported.differences.length, 4);
    assert.match(
      reported.differences[0] ?? "",
      /3 partitions.*--alter --topic checked --partitions 5/,
    );
    assert.equal(reported.state.partitions, 3);

    const { fixed, differences, state } = await ensureTopic(admin, wanted, {
      create: true,
      fix: true,
    });
    assert.equal(fixed.length, 2);
    assert.deepEqual([state.partitions, state.retentionMs], [5, 2 * hourMs]);
    assert.match(
      differences.join("\n"),
      /1 copies, configured are 3[\s\S]*min\.insync\.replicas 1, configured is 2/,
    );
    const fewer = await ensureTopic(
      admin,
      settingsOf("checked", { partitions: 2, retentionMs: 2 * hourMs }),
      {
        ...{ create: true, fix: true },
      },
    );
    assert.match(fewer.differences.join(), /cannot be removed/);
  },
);

test(
  "a message that is too large and a topic that is missing are refused at once and by name",
  needed,
  async (t) => {
    const admin = openAdmin(t, connectionTo(server.brokers));
    await ensureTopic(
      admin,
      settingsOf("small", { partitions: 1, maxMessageBytes: 1_000 }),
      create,
    );
    const producer = openProducer(t, connectionTo(server.brokers));
    const large = producer.send([message("small", 1, 5_000)]);
    await assert.rejects(large, { code: "too_large", retryable: false });
    await assert.rejects(producer.send([message("none", 1)]), {
      code: "unknown_topic",
      retryable: false,
    });
    await producer.send([message("small", 2)]);
    assert.equal((await readTopic(server, "small")).length, 1);
  },
);

test(
  "a send survives a restart of the broker, and a broker that is down fails it in time",
  needed,
  async (t) => {
    const { admin } = await withTopic(t, "restarted");
    // a busy machine takes long to start a broker
    const producer = openProducer(t, connectionTo(server.brokers), { guard: limitOf(120_000) });
    await producer.send([message("restarted", 1)]);
    await server.kill();
    const waiting = producer.send([message("restarted", 2)]);
    await server.start();
    await waiting;
    await server.kill();
    const began = performance.now();
    const impatient = openProducer(t, connectionTo(server.brokers), { guard: limitOf(1_500) });
    await assert.rejects(impatient.send([message("restarted", 3)]), (error: unknown) => {
      assert.ok(error instanceof BrokerError && error.retryable, String(error));
      return true;
    });
    assertWithin(performance.now() - began, 20_000, "a send with a limit of 1.5 s");
    assert.equal((await kafkaCheck(admin)()).status, "degraded");
    await server.start();
    assert.equal((await readTopic(server, "restarted")).length, 2);
    assert.equal((await kafkaCheck(openAdmin(t, connectionTo(server.brokers)))()).status, "ok");
  },
);

test(
  "a frozen broker is abandoned in time, and the message is stored once it continues",
  needed,
  async (t) => {
    const { admin } = await withTopic(t, "frozen");
    const connection = connectionTo(server.brokers, {
      requestTimeoutMs: 1_000,
      connectTimeoutMs: 1_000,
    });
    const producer = openProducer(t, connection, { guard: limitOf(2_500) });
    await producer.send([message("frozen", 1)]);
    server.freeze();
    const began = performance.now();
    await assert.rejects(producer.send([message("frozen", 2)]));
    const tookMs = performance.now() - began;
    assertWithin(tookMs, 20_000, "a send with a limit of 2.5 s");
    assert.equal((await kafkaCheck(admin)()).status, "degraded");
    const waiting = openProducer(t, connection, { guard: limitOf(30_000) }).send([
      message("frozen", 3),
    ]);
    server.continue();
    await waiting;
    const numbers = (await readTopic(server, "frozen")).map(({ value }) =>
      Number.parseInt(value.toString(), 10),
    );
    assert.ok(numbers.includes(1) && numbers.includes(3));
  },
);

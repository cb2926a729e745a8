/** Weir with a real Kafka: what is produced to `raw_data`, and what of it Weir has stored. */
import { Consumer, ProduceAcks, Producer } from "@platformatic/kafka";
import type { CleanUp } from "../../../../testing/database.ts";
import { type KafkaServer, startKafka } from "../../../../testing/servers/kafka.ts";
import { until } from "../../../../testing/until.ts";
import { openPool, type Pool } from "../../../src/adapters/postgres/pool.ts";
import { readRunFile } from "../../../src/process/run-file.ts";
import { type RunningWeir, startWeir, type WeirOptions } from "../../helpers/weir.ts";

export interface SentMessage {
  readonly value: string | Buffer | null;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

export interface DeadLetterRow {
  readonly id: string;
  readonly reason: string;
  readonly error: string;
  readonly state: string;
  readonly original: Buffer;
  readonly source: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
    readonly service: string | null;
  };
}

export interface IntakeStage {
  readonly kafka: KafkaServer;
  readonly weir: RunningWeir;
  readonly key: string;
  /** As the owner of the tables. */
  readonly database: Pool;
  /** With the header `weir-key` unless `headers` has one. Resolves when the broker has them. */
  send(messages: readonly SentMessage[]): Promise<void>;
  count(): Promise<number>;
  letters(): Promise<readonly DeadLetterRow[]>;
  /** Ids of stored events, as they were sent. */
  storedIds(): Promise<readonly string[]>;
  pidOf(process: string): number;
}

/** @param options environment variables come on top of the stage's own */
export async function startIntake(t: CleanUp, options: WeirOptions = {}): Promise<IntakeStage> {
  const kafka = await startKafka(t);
  const weir = await startWeir(t, {
    ...options,
    environment: { ...intakeEnvironment(kafka), ...options.environment },
  });
  const database = openPool({
    url: weir.run.database_url,
    applicationName: "intake test",
    max: 2,
  });
  t.after(() => database[Symbol.asyncDispose]());
  const producer = createTestProducer(t, kafka.brokers);
  await until(() => /intake/.test(JSON.stringify(weir.run.pids)), { what: "the process intake" });
  return {
    ...{ kafka, weir, database, key: weir.adminKey },
    async send(messages) {
      const withKey = messages.map((message) => ({
        ...message,
        headers: { "weir-key": weir.adminKey, ...message.headers },
      }));
      await produce(producer, "raw_data", withKey);
    },
    async count() {
      const [row] = await database.query<{ n: number }>({
        text: "select count(*)::int as n from raw.events",
      });
      return row?.n ?? 0;
    },
    letters: () =>
      database.query<DeadLetterRow>({
        text: `select id, reason, error, state, original, source from dlq.letters
               where part = 'intake' order by id`,
      }),
    async storedIds() {
      const rows = await database.query<{ id: string }>({
        text: "select coalesce(event_ref, event_id::text) as id from raw.events",
      });
      return rows.map(({ id }) => id);
    },
    pidOf(name) {
      const pid = readRunFile(weir.dataDir)?.pids[name];
      if (pid === undefined) throw new Error(`no process ${name}`);
      return pid;
    },
  };
}

/** Of `weir up` and of single processes. */
export function intakeEnvironment(kafka: KafkaServer): Record<string, string> {
  return {
    WEIR_KAFKA_BROKERS: kafka.brokers.join(","),
    WEIR_RELAY_ENABLED: "false",
    WEIR_KAFKA_TOPICS_RAW_DATA_PARTITIONS: "6",
  };
}

export type TestProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

export function createTestProducer(t: CleanUp, brokers: readonly string[]): TestProducer {
  const producer: TestProducer = new Producer({
    clientId: "test",
    bootstrapBrokers: [...brokers],
    idempotent: true,
    retries: Number.MAX_SAFE_INTEGER,
    retryDelay: 200,
  });
  t.after(() => Promise.resolve(producer.close(true)).catch(() => {}));
  return producer;
}

export async function produce(
  producer: TestProducer,
  topic: string,
  messages: readonly SentMessage[],
): Promise<void> {
  await producer.send({
    acks: ProduceAcks.ALL,
    messages: messages.map(({ value, key, headers = {} }) => ({
      topic,
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
      ...(value === null ? {} : { value: Buffer.from(value) }),
      headers: new Map(
        Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
      ),
    })),
  });
}

export interface ReadMessage {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The first `count` messages of a topic. */
export async function readTopic(
  t: CleanUp,
  brokers: readonly string[],
  { topic, count }: { readonly topic: string; readonly count: number },
): Promise<readonly ReadMessage[]> {
  const consumer = new Consumer({
    clientId: "test",
    bootstrapBrokers: [...brokers],
    groupId: `test-${process.hrtime.bigint()}`,
  });
  t.after(() => Promise.resolve(consumer.close(true)).catch(() => {}));
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  const found: ReadMessage[] = [];
  for await (const { key, value, headers } of stream) {
    found.push({
      key: key === undefined ? null : String(key),
      value: value ?? null,
      headers: Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)])),
    });
    if (found.length === count) break;
  }
  return found;
}

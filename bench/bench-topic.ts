/** A topic that a benchmark fills, with the producer that Weir uses. */
import { createKafkaAdmin } from "../server/src/adapters/kafka/admin.ts";
import { createKafkaProducer } from "../server/src/adapters/kafka/producer.ts";
import { createResilience } from "../server/src/adapters/resilience/resilience.ts";
import { loadConfig } from "../server/src/config/load.ts";

export interface BenchTopic {
  /** Each with its place in the list as key. Resolves when the broker has them. */
  send(values: readonly string[], headers: Readonly<Record<string, string>>): Promise<void>;
  close(): Promise<void>;
}

/** Creates the topic `raw_data`. */
export async function openBenchTopic(
  brokers: readonly string[],
  options: {
    readonly partitions: number;
    readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  },
): Promise<BenchTopic> {
  const topic = "raw_data";
  const connection = {
    ...{ brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 },
  };
  const admin = createKafkaAdmin(connection);
  const { partitions, compression } = options;
  await admin.create({ name: topic, partitions, replication: 1, configs: {} });
  await admin.close();
  const { resilience } = loadConfig({ env: {}, cwd: process.cwd(), flags: {} });
  const { guard } = createResilience({ settings: () => resilience });
  const producer = createKafkaProducer({ ...connection, compression, guard: guard("kafka") });
  return {
    async send(values, headers) {
      const sent = new Map(
        Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
      );
      await producer.send(
        values.map((value, n) => ({
          ...{ topic, key: Buffer.from(String(n)), value: Buffer.from(value), headers: sent },
        })),
      );
    },
    close: () => producer.close(),
  };
}

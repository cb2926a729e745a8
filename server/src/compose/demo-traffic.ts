/** The producer of `weir demo traffic --to kafka`. */
import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaProducer } from "../adapters/kafka/producer.ts";
import { ensureTopic } from "../adapters/kafka/topics.ts";
import { createResilience } from "../adapters/resilience/resilience.ts";
import type { Config } from "../config/schema.ts";
import type { TrafficProducer } from "../parts/demo/generator/kafka-target.ts";
import { kafkaConnection, kafkaTopics } from "./kafka.ts";

type Compression = Config["kafka"]["compression"];

export interface TrafficTopic {
  readonly topic: string;
  readonly producer: TrafficProducer;
}

/**
 * Connects to the brokers of the configuration and creates the topic where Weir may.
 * @param wanted.topic default: the one that intake reads
 * @throws BrokerError when Kafka does not answer, or lacks the topic
 */
export async function openTrafficTopic(
  config: Config,
  wanted: { readonly topic?: string; readonly compression?: Compression },
): Promise<TrafficTopic> {
  const { rawData } = kafkaTopics(config);
  const topic = wanted.topic ?? config.intake.topic ?? rawData.name;
  const connection = kafkaConnection(config);
  const admin = createKafkaAdmin(connection);
  try {
    await ensureTopic(admin, { ...rawData, name: topic }, { ...config.kafka.topics, fix: false });
  } finally {
    await admin.close();
  }
  const { guard } = createResilience({ settings: () => config.resilience });
  const producer = createKafkaProducer({
    ...connection,
    compression: wanted.compression ?? config.kafka.compression,
    guard: guard("traffic"),
  });
  return { topic, producer };
}

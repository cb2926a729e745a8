/** Of `weir intake replay-dlq`. */
import { readTopic } from "../adapters/kafka/consumer/read-topic.ts";
import { createResilience } from "../adapters/resilience/resilience.ts";
import type { Config } from "../config/schema.ts";
import {
  type ReplayCopiesOptions,
  type ReplayedCopies,
  replayCopies,
} from "../parts/intake/replay-copies.ts";
import { openMessageSink } from "./intake-sink.ts";
import { intakeSource, kafkaConnection, kafkaTopics } from "./kafka.ts";

/** @throws BrokerError when Kafka does not answer, or lacks a topic */
export async function replayDlqTopic(
  config: Config,
  wanted: Pick<ReplayCopiesOptions, "key" | "reason" | "isDryRun">,
): Promise<ReplayedCopies> {
  const { guard } = createResilience({ settings: () => config.resilience });
  const sink = openMessageSink(config, { guard: guard("kafka") });
  try {
    const { name } = kafkaTopics(config).rawDataDlq;
    const copies = readTopic(kafkaConnection(config), name);
    return await replayCopies({ ...wanted, copies, sink, topic: intakeSource(config).topic });
  } finally {
    await sink.close();
  }
}

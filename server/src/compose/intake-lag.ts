/** How far intake is behind its topic, for a command. */
import { createGroupLag } from "../adapters/kafka/consumer/group-lag.ts";
import type { Config } from "../config/schema.ts";
import { intakeSource, kafkaConnection } from "./kafka.ts";

export interface IntakeLag {
  readonly topic: string;
  readonly group: string;
  /** Messages that are not processed yet, by partition. */
  readonly lag: Readonly<Record<string, number>>;
}

/** @throws BrokerError */
export async function readIntakeLag(config: Config): Promise<IntakeLag> {
  const { topic, group } = intakeSource(config);
  const reader = createGroupLag({ connection: kafkaConnection(config), topic, group });
  try {
    return { topic, group, lag: await reader.read() };
  } finally {
    await reader.close();
  }
}

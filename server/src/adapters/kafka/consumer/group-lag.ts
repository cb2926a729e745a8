/** How far a consumer group is behind, as seen by a process that is not a member of it. */
import { Consumer } from "@platformatic/kafka";
import { clientOptions, type KafkaConnection } from "../connection.ts";
import { asBrokerError } from "../errors.ts";
import { committedOffsets, endsOf, type KafkaClient } from "./offsets.ts";

export interface GroupLag {
  /** Messages that the group has not processed, by partition. @throws BrokerError */
  read(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** Connects at the first call. */
export function createGroupLag(options: {
  readonly connection: KafkaConnection;
  readonly group: string;
  readonly topic: string;
}): GroupLag {
  const { connection, group, topic } = options;
  const client: KafkaClient = new Consumer({
    ...clientOptions(connection),
    groupId: group,
    retries: 0,
  });
  client.topics.track(topic);
  return {
    async read() {
      try {
        const { topics } = await client.metadata({ topics: [topic] });
        const partitions = topics.get(topic)?.partitions.map((_, partition) => partition) ?? [];
        const assigned = { topic, partitions };
        const [committed, ends] = await Promise.all([
          committedOffsets(client, assigned),
          endsOf(client, assigned),
        ]);
        return Object.fromEntries(
          [...ends].map(([partition, { earliest, latest }]) => {
            const behind = latest - (committed.get(partition) ?? earliest);
            return [String(partition), Math.max(0, Number(behind))];
          }),
        );
      } catch (error) {
        throw asBrokerError(error);
      }
    },
    async close() {
      await client.close(true);
    },
  };
}

/** Topics: whether they exist, how they are configured, and how far they go. */
import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from "@platformatic/kafka";
import type { BrokerError } from "../../core/ports/broker.ts";
import { clientOptions, type KafkaConnection } from "./connection.ts";
import { asBrokerError } from "./errors.ts";

export interface TopicState {
  /** Changes when a topic is deleted and created again. */
  readonly id: string;
  readonly partitions: number;
  /** The smallest number of copies of any partition. */
  readonly replication: number;
  readonly minInsyncReplicas: number;
  /** -1: without limit. */
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
}

export interface TopicOffsets {
  readonly topicId: string;
  /** By partition, the offset that its next message gets. */
  readonly end: ReadonlyMap<number, bigint>;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** Every call rejects with `BrokerError`. */
export interface KafkaAdmin {
  /** The cluster's id and the number of brokers that are up. */
  ping(): Promise<{ readonly clusterId: string; readonly brokers: number }>;
  /** Undefined when the topic does not exist. */
  describe(topic: string): Promise<TopicState | undefined>;
  /** Resolves also when another process has just created it. */
  create(topic: NewTopic): Promise<void>;
  addPartitions(topic: string, count: number): Promise<void>;
  setConfig(topic: string, configs: Readonly<Record<string, string>>): Promise<void>;
  /** @throws BrokerError `unknown_topic` */
  offsets(topic: string): Promise<TopicOffsets>;
  close(): Promise<void>;
}

const described = ["min.insync.replicas", "retention.ms", "max.message.bytes"] as const;
const latest = -1n;

/** Connects at the first call. */
export function createKafkaAdmin(connection: KafkaConnection): KafkaAdmin {
  const admin = new Admin({ ...clientOptions(connection), retries: 2 });
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw asBrokerError(error);
    }
  };
  const metadataOf = (topic: string) => admin.metadata({ topics: [topic], forceUpdate: true });

  async function configOf(topic: string): Promise<ReadonlyMap<string, string>> {
    const [found] = await admin.describeConfigs({
      resources: [
        {
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName: topic,
          configurationKeys: [...described],
        },
      ],
    });
    return new Map(found?.configs.map(({ name, value }) => [name, value ?? ""]) ?? []);
  }

  return {
    ping: () =>
      call(async () => {
        const { id, brokers } = await admin.metadata({ topics: [], forceUpdate: true });
        return { clusterId: id, brokers: brokers.size };
      }),

    async describe(topic) {
      try {
        return await call(async () => {
          const found = (await metadataOf(topic)).topics.get(topic);
          if (found === undefined) return undefined;
          const config = await configOf(topic);
          const numberOf = (name: (typeof described)[number]) => Number(config.get(name));
          return {
            id: found.id,
            partitions: found.partitionsCount,
            replication: Math.min(...found.partitions.map(({ replicas }) => replicas.length)),
            minInsyncReplicas: numberOf("min.insync.replicas"),
            retentionMs: numberOf("retention.ms"),
            maxMessageBytes: numberOf("max.message.bytes"),
          };
        });
      } catch (error) {
        if ((error as BrokerError).code === "unknown_topic") return undefined;
        throw error;
      }
    },

    create: ({ name, partitions, replication, configs }) =>
      call(async () => {
        try {
          await admin.createTopics({
            topics: [{ topic: name, partitions, replicas: replication }],
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
          });
        } catch (error) {
          if (!saysAlreadyExists(error)) throw error;
        }
      }),

    addPartitions: (topic, count) =>
      call(async () => {
        const { topics, brokers } = await metadataOf(topic);
        const existing = topics.get(topic)?.partitions ?? [];
        const copies = existing[0]?.replicas.length ?? 1;
        const ids = [...brokers.keys()];
        // the library cannot leave the choice of the brokers to the cluster
        const assignments = Array.from({ length: count - existing.length }, (_, added) => ({
          brokerIds: Array.from(
            { length: copies },
            (__, copy) => ids[(existing.length + added + copy) % ids.length] as number,
          ),
        }));
        await admin.createPartitions({ topics: [{ name: topic, count, assignments }] });
      }),

    setConfig: (topic, configs) =>
      call(() =>
        admin.incrementalAlterConfigs({
          resources: [
            {
              resourceType: ConfigResourceTypes.TOPIC,
              resourceName: topic,
              configs: Object.entries(configs).map(([name, value]) => ({
                name,
                value,
                configOperation: IncrementalAlterConfigOperationTypes.SET,
              })),
            },
          ],
        }),
      ),

    offsets: (topic) =>
      call(async () => {
        const found = (await metadataOf(topic)).topics.get(topic);
        const partitions = found?.partitions.map((_, partition) => partition) ?? [];
        const [listed] = await admin.listOffsets({
          topics: [
            {
              name: topic,
              partitions: partitions.map((partitionIndex) => ({
                partitionIndex,
                timestamp: latest,
              })),
            },
          ],
        });
        return {
          topicId: found?.id ?? "",
          end: new Map(
            listed?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset]) ?? [],
          ),
        };
      }),

    close: () => call(() => admin.close()),
  };
}

function saysAlreadyExists(error: unknown): boolean {
  const { apiId, errors, cause } = error as {
    readonly apiId?: unknown;
    readonly errors?: readonly unknown[];
    readonly cause?: unknown;
  };
  if (apiId === "TOPIC_ALREADY_EXISTS") return true;
  return [...(errors ?? []), cause].some(
    (inner) => typeof inner === "object" && inner !== null && saysAlreadyExists(inner),
  );
}

/** Creates the topics that a process needs, and compares existing ones with the configuration. */
import { BrokerError } from "../../core/ports/broker.ts";
import type { KafkaAdmin, TopicState } from "./admin.ts";

export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly minInsyncReplicas: number;
  readonly retentionMs: number;
  /** A message of the largest event with its facts must fit. */
  readonly maxMessageBytes: number;
}

export interface TopicPolicy {
  /** Creates a missing topic. */
  readonly create: boolean;
  /** Adds missing partitions, sets retention and the size of messages. */
  readonly fix: boolean;
}

export interface TopicReport {
  readonly topic: string;
  readonly state: TopicState;
  readonly created: boolean;
  /** What was changed, in words. */
  readonly fixed: readonly string[];
  /** What differs and was not changed, in words, with the command that changes it. */
  readonly differences: readonly string[];
}

interface Difference {
  readonly says: string;
  /** The command of an operator. */
  readonly command: string;
  readonly fix?: () => Promise<void>;
}

/**
 * The topic as it is afterwards.
 *
 * @throws BrokerError `unknown_topic` when it is missing and may not be created
 */
export async function ensureTopic(
  admin: KafkaAdmin,
  settings: TopicSettings,
  policy: TopicPolicy,
): Promise<TopicReport> {
  const { name } = settings;
  let state = await admin.describe(name);
  const created = state === undefined;
  if (created) {
    if (!policy.create) throw missing(name);
    await admin.create({ ...settings, configs: configsOf(settings) });
    state = await described(admin, name);
  }
  const fixed: string[] = [];
  const left: string[] = [];
  for (const { says, command, fix } of differences(admin, settings, state as TopicState)) {
    if (policy.fix && fix !== undefined) {
      await fix();
      fixed.push(says);
    } else left.push(`${says}: ${command}`);
  }
  if (fixed.length > 0) state = await described(admin, name);
  return { topic: name, state: state as TopicState, created, fixed, differences: left };
}

function configsOf(settings: TopicSettings): Record<string, string> {
  return {
    "min.insync.replicas": String(settings.minInsyncReplicas),
    "retention.ms": String(settings.retentionMs),
    "max.message.bytes": String(settings.maxMessageBytes),
  };
}

/** A new topic appears in the metadata of all brokers a moment after it was created. */
async function described(admin: KafkaAdmin, name: string): Promise<TopicState> {
  for (let attempt = 1; ; attempt++) {
    const state = await admin.describe(name);
    if (state !== undefined) return state;
    if (attempt === 20) {
      throw new BrokerError(`The topic ${name} was created and is not visible yet.`, {
        code: "unavailable",
      });
    }
  }
}

function differences(
  admin: KafkaAdmin,
  settings: TopicSettings,
  state: TopicState,
): readonly Difference[] {
  const { name } = settings;
  const found: Difference[] = [];
  const alter = (key: string, value: number) =>
    `kafka-configs.sh --bootstrap-server … --alter --topic ${name} --add-config ${key}=${value}`;
  const compare = (key: string, pair: { has: number; wanted: number }, isFixable: boolean) => {
    const { has, wanted } = pair;
    if (has === wanted) return;
    found.push({
      says: `topic ${name} has ${key} ${has}, configured is ${wanted}`,
      command: alter(key, wanted),
      ...(isFixable ? { fix: () => admin.setConfig(name, { [key]: String(wanted) }) } : {}),
    });
  };
  if (state.partitions < settings.partitions) {
    found.push({
      says: `topic ${name} has ${state.partitions} partitions, configured are ${settings.partitions}`,
      command: `kafka-topics.sh --bootstrap-server … --alter --topic ${name} --partitions ${settings.partitions} (keys move to other partitions)`,
      fix: () => admin.addPartitions(name, settings.partitions),
    });
  } else if (state.partitions > settings.partitions) {
    found.push({
      says: `topic ${name} has ${state.partitions} partitions, configured are ${settings.partitions}`,
      command: "partitions cannot be removed; change the configuration",
    });
  }
  compare("retention.ms", { has: state.retentionMs, wanted: settings.retentionMs }, true);
  if (state.maxMessageBytes < settings.maxMessageBytes) {
    compare(
      "max.message.bytes",
      { has: state.maxMessageBytes, wanted: settings.maxMessageBytes },
      true,
    );
  }
  if (state.replication !== settings.replication) {
    found.push({
      says: `topic ${name} has ${state.replication} copies, configured are ${settings.replication}`,
      command: "kafka-reassign-partitions.sh changes them, or change the configuration",
    });
  }
  compare(
    "min.insync.replicas",
    { has: state.minInsyncReplicas, wanted: settings.minInsyncReplicas },
    false,
  );
  return found;
}

function missing(name: string): BrokerError {
  return new BrokerError(
    `The topic ${name} does not exist, and kafka.topics.create is false: create it, or allow Weir to.`,
    { code: "unknown_topic" },
  );
}

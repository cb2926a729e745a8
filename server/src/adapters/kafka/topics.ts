/** Creates the topics that a process needs, and compares existing ones with the configuration. */
import { BrokerError } from "../../core/ports/broker.ts";
import { pause } from "../../timing/pause.ts";
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

/** A broker answers a change when the controller has it, and shows it in its answers a moment later. */
const visibleWithinMs = 15_000;
const askAgainMs = 100;

interface Difference {
  readonly says: string;
  /** The command of an operator. */
  readonly command: string;
  readonly fix?: () => Promise<void>;
}

/**
 * The topic as brokers show it afterwards. What was changed and is not visible after 15 s is among the differences.
 *
 * @throws BrokerError `unknown_topic` when it is missing and may not be created, `unavailable` when it was created and
 *   no broker shows it
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
    state = await describedWhen(admin, name, () => true);
  }
  const fixed: string[] = [];
  for (const { says, fix } of differences(admin, settings, state as TopicState)) {
    if (!policy.fix || fix === undefined) continue;
    await fix();
    fixed.push(says);
  }
  if (fixed.length > 0) {
    state = await describedWhen(admin, name, (shown) =>
      differences(admin, settings, shown).every(({ fix }) => fix === undefined),
    );
  }
  const left = differences(admin, settings, state as TopicState);
  return {
    ...{ topic: name, state: state as TopicState, created, fixed },
    differences: left.map(({ says, command }) => `${says}: ${command}`),
  };
}

function configsOf(settings: TopicSettings): Record<string, string> {
  return {
    "min.insync.replicas": String(settings.minInsyncReplicas),
    "retention.ms": String(settings.retentionMs),
    "max.message.bytes": String(settings.maxMessageBytes),
  };
}

/** The first state that `isShown` accepts, or the last one seen. */
async function describedWhen(
  admin: KafkaAdmin,
  name: string,
  isShown: (state: TopicState) => boolean,
): Promise<TopicState> {
  const deadline = performance.now() + visibleWithinMs;
  for (;;) {
    const isLast = performance.now() >= deadline;
    const state = await admin.describe(name).catch((error: unknown) => {
      // a new partition has no leader at first
      if (error instanceof BrokerError && error.retryable && !isLast) return undefined;
      throw error;
    });
    if (state !== undefined && (isLast || isShown(state))) return state;
    if (isLast) {
      const message = `The topic ${name} was created or changed and is not visible yet.`;
      throw new BrokerError(message, { code: "unavailable" });
    }
    await pause(askAgainMs);
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

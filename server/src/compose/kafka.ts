/** The connection to Kafka, its topics and its health, from the configuration. */
import { readFileSync } from "node:fs";
import { createKafkaAdmin, type KafkaAdmin } from "../adapters/kafka/admin.ts";
import type { KafkaConnection, KafkaSasl, KafkaTls } from "../adapters/kafka/connection.ts";
import { createGroupLag } from "../adapters/kafka/consumer/group-lag.ts";
import { kafkaCheck } from "../adapters/kafka/health.ts";
import { type KafkaWatch, watchKafka } from "../adapters/kafka/metrics.ts";
import type { TopicSettings } from "../adapters/kafka/topics.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { ComposeOptions } from "./options.ts";
import { usesIntake } from "./uses-intake.ts";

/** Without brokers Weir neither connects to Kafka nor starts what needs it. */
function usesKafka({ kafka }: Config): boolean {
  return kafka.brokers.length > 0;
}

export function usesRelay(config: Config): boolean {
  return usesKafka(config) && config.relay.enabled;
}

/** @throws Error that names the setting which is missing or whose file cannot be read */
export function kafkaConnection({ kafka }: Config): KafkaConnection {
  return {
    brokers: kafka.brokers,
    clientId: kafka.client_id,
    connectTimeoutMs: kafka.connect_timeout_ms,
    requestTimeoutMs: kafka.request_timeout_ms,
    ...(kafka.tls.enabled ? { tls: tlsOf(kafka.tls) } : {}),
    ...(kafka.sasl.mechanism === "none" ? {} : { sasl: saslOf(kafka.sasl) }),
  };
}

function tlsOf({ ca_file, cert_file, key_file, server_name }: Config["kafka"]["tls"]): KafkaTls {
  if ((cert_file === null) !== (key_file === null)) {
    throw new Error("kafka.tls.cert_file and kafka.tls.key_file belong together: set both or none");
  }
  return {
    ...(ca_file === null ? {} : { ca: readPem("ca_file", ca_file) }),
    ...(cert_file === null ? {} : { cert: readPem("cert_file", cert_file) }),
    ...(key_file === null ? {} : { key: readPem("key_file", key_file) }),
    ...(server_name === null ? {} : { serverName: server_name }),
  };
}

function readPem(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`kafka.tls.${setting} cannot be read: ${messageOf(error)}`);
  }
}

function saslOf({ mechanism, user, password }: Config["kafka"]["sasl"]): KafkaSasl {
  if (mechanism === "none" || user === null || password === null) {
    throw new Error(
      "kafka.sasl.mechanism is set, so kafka.sasl.user and kafka.sasl.password are needed (WEIR_KAFKA_SASL_PASSWORD_FILE names a file with the password)",
    );
  }
  return { mechanism, user, password };
}

/** Bytes of the largest event with its facts, and of a full batch of the relay. */
const maxMessageBytes = 1_048_588;
const hourMs = 3_600_000;

/** Every topic of Weir; each is created and verified by the process that produces to it or consumes it. */
export function kafkaTopics({ kafka: { topics } }: Config): {
  readonly events: TopicSettings;
  readonly eventsDlq: TopicSettings;
  readonly rawData: TopicSettings;
  readonly rawDataDlq: TopicSettings;
} {
  const topic = (
    name: string,
    about: { readonly partitions: number; readonly retention_hours: number },
  ): TopicSettings => ({
    name: `${topics.prefix}${name}`,
    partitions: about.partitions,
    replication: topics.replication,
    minInsyncReplicas: topics.min_insync_replicas,
    retentionMs: about.retention_hours * hourMs,
    maxMessageBytes,
  });
  return {
    events: topic("events", topics.events),
    eventsDlq: topic("events.dlq", topics.dlq),
    rawData: topic("raw_data", topics.raw_data),
    rawDataDlq: topic("raw_data.dlq", topics.dlq),
  };
}

/** What intake reads, and as which consumer group. */
export function intakeSource(config: Config): { readonly topic: string; readonly group: string } {
  const { topic, group } = config.intake;
  return { topic: topic ?? kafkaTopics(config).rawData.name, group };
}

/** By the metrics of their process: `weir serve` composes several entries of the table in one process. */
const watches = new WeakMap<object, KafkaWatch>();

/** The watch of a process, the same for all that is composed in it. */
export function composeKafkaWatch({
  metrics,
  logger,
}: Pick<ComposeOptions, "metrics" | "logger">): KafkaWatch {
  const known = watches.get(metrics);
  if (known !== undefined) return known;
  const watch = watchKafka({ metrics, logger, monotonic: () => performance.now() });
  watches.set(metrics, watch);
  return watch;
}

/** Closed with the process. */
export function openKafkaAdmin({
  config,
  stack,
}: Pick<ComposeOptions, "config" | "stack">): KafkaAdmin {
  const admin = createKafkaAdmin(kafkaConnection(config()));
  stack.defer(() => admin.close());
  return admin;
}

/** For `/health/kafka`. */
export function composeKafkaCheck(options: ComposeOptions): HealthCheck {
  if (!usesKafka(options.config())) {
    return async () => ({ status: "ok", detail: "no brokers are configured (kafka.brokers)" });
  }
  const admin = openKafkaAdmin(options);
  if (!usesIntake(options.config())) return kafkaCheck(admin);
  const { group, topic } = intakeSource(options.config());
  const lag = createGroupLag({ connection: kafkaConnection(options.config()), group, topic });
  options.stack.defer(() => lag.close());
  return kafkaCheck(admin, async () => ({ intake: { topic, group, lag: await lag.read() } }));
}

/** The process that copies the raw log to Kafka. Without brokers it does nothing. */
import { hostname } from "node:os";
import { asBrokerError } from "../adapters/kafka/errors.ts";
import { createKafkaProducer } from "../adapters/kafka/producer.ts";
import { ensureTopic } from "../adapters/kafka/topics.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { BrokerError } from "../core/ports/broker.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Part } from "../core/ports/part.ts";
import { inLogOrder } from "../parts/log/logged-events.ts";
import { createRangeReader } from "../parts/log/range-reader.ts";
import { observeRelay } from "../parts/relay/metrics.ts";
import type { RelayTopic } from "../parts/relay/ports.ts";
import { createRelay } from "../parts/relay/relay.ts";
import { rewindCommand } from "../parts/relay/status.ts";
import { openConnections } from "../process/databases.ts";
import {
  composeKafkaWatch,
  kafkaConnection,
  kafkaTopics,
  openKafkaAdmin,
  usesRelay,
} from "./kafka.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { composeResilience } from "./resilience.ts";
import { composePausable } from "./storage.ts";

export const compose: Compose = async (options) => {
  if (!usesRelay(options.config())) {
    options.logger.info(
      { "kafka.brokers": options.config().kafka.brokers },
      "the relay is not configured and does nothing",
    );
    return { parts: composePausable(options, []), counters: () => ({}) };
  }
  const observer = observeRelay(options.metrics);
  const part = composeRelayPart(options, observer);
  return { parts: composePausable(options, [part]), counters: observer.counters };
};

const mebibyte = 1024 * 1024;

function composeRelayPart(
  options: ComposeOptions,
  observer: ReturnType<typeof observeRelay>,
): Part {
  const { urls, logger, metrics, stack, outage } = options;
  const { relay } = options.config();
  const { pool, notifications } = openConnections({ stack, logger, outage });
  const database = pool({
    url: urls.app,
    applicationName: "weir relay",
    max: 6,
    statementTimeoutMs: 60_000,
    // what a crash of PostgreSQL takes back is sent again
    settings: { ...inLogOrder, synchronous_commit: "off" },
  });
  stack.defer(publishMetrics(database, metrics));
  return createRelay({
    database,
    notifications: notifications(urls.app, "weir relay notifications"),
    log: createRangeReader(database, "relay"),
    topic: openTopic(options),
    owner: `${hostname()}/${process.pid}`,
    key: relay.key,
    pageEvents: relay.page_events,
    bufferBytes: relay.buffer_mib * mebibyte,
    intervalMs: relay.interval_ms,
    onPage: observer.page,
    onBuffer: observer.buffer,
    onTopic: ({ differences }) => reportDifferences(logger, differences),
    onLoss: (loss) => {
      observer.loss();
      logger.error({ loss }, `the topic has lost messages; send them again: ${rewindCommand}`);
    },
    onError: (error) => {
      // Kafka's failures are logged once, by the watch
      const level = error instanceof BrokerError ? "debug" : "warn";
      logger[level]({ err: error }, "the relay failed and continues by itself");
    },
  });
}

function reportDifferences(logger: Logger, differences: readonly string[]): void {
  for (const difference of differences) {
    logger.warn({ difference }, "the topic differs from the configuration");
  }
}

function openTopic(options: ComposeOptions): RelayTopic {
  const { config, logger, stack } = options;
  const { kafka } = config();
  const settings = kafkaTopics(config()).events;
  const admin = openKafkaAdmin(options);
  const watch = composeKafkaWatch(options);
  const producer = createKafkaProducer({
    ...kafkaConnection(config()),
    ...{ compression: kafka.compression, watch },
    guard: composeResilience(options).guard("kafka"),
  });
  stack.defer(() => producer.close());
  const watched = <T>(work: () => Promise<T>): Promise<T> =>
    work().then(
      (result) => {
        watch.succeeded();
        return result;
      },
      (error: unknown) => {
        watch.failed(asBrokerError(error));
        throw error;
      },
    );
  return {
    name: settings.name,
    async prepare() {
      const report = await watched(() => ensureTopic(admin, settings, kafka.topics));
      if (report.created) logger.info({ topic: settings.name }, "the topic was created");
      for (const fixed of report.fixed) logger.info({ fixed }, "the topic was changed");
      return report.differences;
    },
    async ends() {
      const { topicId, end } = await watched(() => admin.offsets(settings.name));
      return { topicId, end };
    },
    send: (messages, signal) =>
      producer.send(
        messages.map((message) => ({ ...message, topic: settings.name })),
        signal,
      ),
  };
}

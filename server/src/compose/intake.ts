/** The process that reads the topic `raw_data` into the raw log, and replays its dead letters. Without brokers it does nothing. */
import { createGroupConsumer } from "../adapters/kafka/consumer/group-consumer.ts";
import { observeConsumer } from "../adapters/kafka/consumer/metrics.ts";
import { ensureTopic } from "../adapters/kafka/topics.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import type { Config } from "../config/schema.ts";
import { createAcceptor } from "../parts/ingest/acceptor.ts";
import { createDeadMessages } from "../parts/intake/dead-messages.ts";
import { createIntake } from "../parts/intake/intake.ts";
import { observeIntake } from "../parts/intake/metrics.ts";
import type { PrincipalMapping } from "../parts/intake/ports.ts";
import { createProcess } from "../parts/intake/process-messages.ts";
import { createReplayer } from "../parts/intake/replay.ts";
import { openConnections, untilDatabaseAnswers } from "../process/databases.ts";
import { composeClock } from "./clock.ts";
import { openDirectory } from "./directory.ts";
import { composeIntakeReplays } from "./dlq.ts";
import { composeIngest } from "./ingest.ts";
import { openMessageSink } from "./intake-sink.ts";
import {
  composeKafkaWatch,
  intakeSource,
  kafkaConnection,
  kafkaTopics,
  openKafkaAdmin,
} from "./kafka.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { composeResilience } from "./resilience.ts";
import { composePausable, composeStorage, storagePart } from "./storage.ts";
import { usesIntake } from "./uses-intake.ts";

export const compose: Compose = async (options) => {
  const { config, logger, metrics, stack } = options;
  if (!usesIntake(config())) {
    logger.info(
      { "kafka.brokers": config().kafka.brokers },
      "intake is not configured and does nothing",
    );
    return { parts: composePausable(options, []), counters: () => ({}) };
  }
  const { database, notifications } = openDatabase(options);
  const clock = composeClock(options, { logs: false });
  const directory = openDirectory(options, { notifications, now: clock.watch.latest });
  const storage = composeStorage(options, "refuses");
  const { ingest } = composeIngest(options, { storage, clock: clock.watch });
  const observer = observeIntake(metrics, logger, () => performance.now());
  const acceptor = createAcceptor(ingest.context);
  const sender = {
    senders: {
      authenticate: (key: string) => directory.authenticate(key),
      service: (name: string) => directory.service(name),
    },
    principals: () => principalsOf(config()),
  };
  await storage.refresh();
  await untilDatabaseAnswers(logger, () => directory.refresh());
  await clock.watch.tick();
  stack.defer(publishMetrics(database, metrics));

  const { topic, group } = intakeSource(config());
  const sink = openMessageSink(config(), {
    guard: composeResilience(options).guard("kafka"),
    watch: composeKafkaWatch(options),
  });
  stack.defer(() => sink.close());
  const dead = createDeadMessages({
    database,
    sink,
    topic: config().intake.dlq_copies ? kafkaTopics(config()).rawDataDlq.name : null,
    observer,
    now: Date.now,
  });
  const isDown = () => options.outage.since() !== undefined;
  const handle = createProcess({ ...sender, acceptor, dead, observer, isDown });
  const consumer = createGroupConsumer({
    connection: kafkaConnection(config()),
    topic,
    group,
    startFrom: config().intake.start_from,
    maxBytes: config().intake.max_mib * 1024 * 1024,
    batch: { messages: config().intake.batch_events, bytes: 1024 * 1024 },
    handle,
    observer: observeConsumer({
      metrics,
      logger,
      watch: composeKafkaWatch(options),
      lag: () => consumer.lag(),
    }),
  });
  const intake = createIntake({
    consume: (signal) => consumer.run(signal),
    prepareTopics: () => prepareTopics(options),
    prepareLog: () => ingest.prepare(),
    problem: () => composeKafkaWatch(options).problem(),
  });
  const replayer = createReplayer({ ...sender, acceptor });
  return {
    parts: [
      directory,
      storagePart(storage),
      ...clock.parts,
      intake,
      composeIntakeReplays(options, { database, notifications, replayers: [replayer] }),
    ],
    counters: () => observer.totals,
    close: () => ingest.drain(),
  };
};

function openDatabase({ config, urls, logger, stack, outage }: ComposeOptions) {
  const { pool, notifications } = openConnections({ stack, logger, outage });
  return {
    database: pool({
      url: urls.app,
      applicationName: "weir intake",
      max: config().dlq.workers + 3,
      statementTimeoutMs: 30_000,
    }),
    notifications: notifications(urls.app, "weir intake notifications"),
  };
}

async function prepareTopics(options: ComposeOptions): Promise<void> {
  const config = options.config();
  const { rawData, rawDataDlq } = kafkaTopics(config);
  const { create, fix } = config.kafka.topics;
  const admin = openKafkaAdmin(options);
  const { topic } = intakeSource(config);
  const needed = [{ ...rawData, name: topic }, ...(config.intake.dlq_copies ? [rawDataDlq] : [])];
  for (const settings of needed) {
    const { created, fixed, differences } = await ensureTopic(admin, settings, { create, fix });
    const about = { topic: settings.name, fixed, differences };
    if (created) options.logger.info(about, "the topic was created");
    else if (differences.length > 0)
      options.logger.warn(about, "the topic differs from the configuration");
  }
  await admin.close();
}

/** `principal=service`: the names of principals may hold a `=` themselves. */
function principalsOf({ intake: { principals } }: Config): PrincipalMapping {
  const services = principals.services.map((text) => {
    const at = text.lastIndexOf("=");
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return { header: principals.header, services: Object.fromEntries(services) };
}

/** The process that folds raw events into windows, recomputes windows, drops old events, erases users and delivers events. */
import { hostname } from "node:os";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import type { Part } from "../core/ports/part.ts";
import { configureEngine, sweepStaged } from "../parts/engine/engine.ts";
import { createErasure } from "../parts/erasure/erasure.ts";
import {
  defaultEventTypeMapping,
  mergeEventTypeMappings,
  syncEventTypeMapping,
} from "../parts/etl/event-types.ts";
import { observeEtl } from "../parts/etl/metrics.ts";
import { createEtl } from "../parts/etl/worker.ts";
import { createRetention } from "../parts/retention/retention.ts";
import { openConnections, untilDatabaseAnswers } from "../process/databases.ts";
import { composeClock } from "./clock.ts";
import { composeDeliveriesPart } from "./deliveries.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { composePausable } from "./storage.ts";
import { interestSettings, userHistory } from "./user-history.ts";

export const compose: Compose = async (options, names) => {
  const observer = observeEtl(options.metrics);
  const parts: Part[] = [...composeClock(options, { logs: false }).parts];
  if (names.has("etl")) parts.push(await composeEtlPart(options, observer));
  if (names.has("retention")) parts.push(composeRetention(options), composeErasure(options));
  const deliveries = names.has("deliveries") ? composeDeliveriesPart(options) : undefined;
  if (deliveries !== undefined) parts.push(deliveries.part);
  return {
    parts: composePausable(options, parts),
    counters: () => ({ ...observer.counters(), ...deliveries?.counters() }),
  };
};

async function composeEtlPart(
  options: ComposeOptions,
  observer: ReturnType<typeof observeEtl>,
): Promise<Part> {
  const { urls, logger, metrics, stack, outage } = options;
  const { etl, engine, retention } = options.config();
  const { pool, notifications } = openConnections({ stack, logger, outage });
  const database = pool({
    url: urls.app,
    applicationName: "weir etl",
    max: 6,
    statementTimeoutMs: 600_000,
    settings: { work_mem: "64MB" },
  });
  const { changed, queuedDays } = await untilDatabaseAnswers(logger, () =>
    syncEventTypeMapping(
      database,
      mergeEventTypeMappings(defaultEventTypeMapping, etl.event_types),
    ),
  );
  if (changed.length > 0) {
    logger.warn(
      { changed, queued_days: queuedDays },
      "the meaning of event types changed; days with such events are recomputed",
    );
  }
  const active = await untilDatabaseAnswers(logger, () =>
    configureEngine(database, engine.windows),
  );
  if (active !== engine.windows) {
    logger.info(
      { active, configured: engine.windows },
      "another engine than the configured one was chosen at run time",
    );
  }
  const owner = `${hostname()}/${process.pid}`;
  stack.defer(publishMetrics(database, metrics));
  return createEtl({
    database,
    notifications: notifications(urls.app, "weir etl notifications"),
    owner,
    intervalMs: etl.interval_ms,
    stepEvents: etl.step_events,
    retentionDays: retention.raw_days,
    onMaintenance: () => sweepStaged(database),
    onStep: observer.step,
    onError: (error) => logger.error({ err: error }, "etl"),
  });
}

function composeRetention({ config, urls, logger, stack, outage }: ComposeOptions): Part {
  const { retention } = config();
  return createRetention({
    database: openConnections({ stack, logger, outage }).pool({
      url: urls.owner,
      applicationName: "weir retention",
      max: 1,
    }),
    settings: { rawDays: retention.raw_days, partitionsAhead: retention.partitions_ahead },
    onRound: (round) => logger.info({ ...round }, "retention"),
    onFailure: (error) => logger.warn({ err: error }, "retention failed and will be retried"),
  });
}

function composeErasure({ config, urls, logger, stack, outage }: ComposeOptions): Part {
  const { pool, notifications } = openConnections({ stack, logger, outage });
  return createErasure({
    database: pool({ url: urls.owner, applicationName: "weir erasure", max: 1 }),
    notifications: notifications(urls.app, "weir erasure notifications"),
    history: userHistory(() => interestSettings(config())),
    onDone: (done) => logger.info({ ...done }, "a user was erased"),
    onError: (error) => logger.warn({ err: error }, "an erasure failed and will be retried"),
  });
}

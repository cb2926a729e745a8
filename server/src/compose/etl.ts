/** The process beside HTTP: folds raw events into windows, reruns them, and keeps the log in bounds. */
import { hostname } from "node:os";
import { observeEtl } from "../adapters/telemetry/etl-observer.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { WeirError } from "../core/errors.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { Part } from "../core/ports/part.ts";
import { createErasure } from "../parts/erasure/erasure.ts";
import {
  defaultEventTypeMapping,
  mergeEventTypeMappings,
  syncEventTypeMapping,
} from "../parts/etl/event-types.ts";
import { requestRerun } from "../parts/etl/reruns.ts";
import { createEtl } from "../parts/etl/worker.ts";
import { createRetention } from "../parts/retention/retention.ts";
import { openConnections, untilDatabaseAnswers } from "../process/databases.ts";
import type { Compose } from "./options.ts";

/** An hour whose raw events retention has dropped cannot be made anew: it stays as it is. */
async function requestHour(database: Queryable, hour: Date): Promise<string | undefined> {
  try {
    const { runId } = await requestRerun(database, {
      size: "hour",
      start: hour,
      requestedBy: "erasure",
    });
    return runId;
  } catch (error) {
    if (error instanceof WeirError && error.code === "invalid_request") return undefined;
    throw error;
  }
}

/** Writers' `transaction_timeout`: how long after its insert an event may still be committed. */
const longestWriteMs = 10_000;

export const compose: Compose = async (options, names) => {
  const { urls, logger, metrics } = options;
  const config = options.config();
  const { pool, notifications } = openConnections(options.stack, logger);
  const parts: Part[] = [];
  const observer = observeEtl(metrics);

  if (names.has("etl")) {
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
        mergeEventTypeMappings(defaultEventTypeMapping, config.etl.event_types),
      ),
    );
    if (changed.length > 0) {
      logger.warn(
        { changed, queued_days: queuedDays },
        "event types mean something else now; days with such events are rerun",
      );
    }
    options.stack.defer(publishMetrics(database, `etl ${hostname()}/${process.pid}`, metrics));
    parts.push(
      createEtl({
        database,
        notifications: notifications(urls.app, "weir etl notifications"),
        owner: `${hostname()}/${process.pid}`,
        intervalMs: config.etl.interval_ms,
        stepEvents: config.etl.step_events,
        longestWriteMs,
        retentionDays: config.retention.raw_days,
        onStep: observer.step,
        onError: (error) => logger.error({ err: error }, "etl"),
      }),
    );
  }
  if (names.has("retention")) {
    parts.push(
      createRetention({
        database: pool({ url: urls.owner, applicationName: "weir retention", max: 1 }),
        settings: {
          rawDays: config.retention.raw_days,
          partitionsAhead: config.retention.partitions_ahead,
        },
        now: Date.now,
        onRound: (round) => logger.info({ ...round }, "retention"),
        onFailure: (error) => logger.warn({ err: error }, "retention is tried again"),
      }),
      createErasure({
        database: pool({ url: urls.owner, applicationName: "weir erasure", max: 1 }),
        notifications: notifications(urls.app, "weir erasure notifications"),
        reruns: { request: requestHour },
        onDone: (done) => logger.info({ ...done }, "a user was erased"),
        onError: (error) => logger.warn({ err: error }, "an erasure is tried again"),
      }),
    );
  }
  return { parts, counters: observer.counters };
};

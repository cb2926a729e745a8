import { randomFillSync } from "node:crypto";
import type { ReceiptClock } from "../core/event/record.ts";
import { uuidV7Maker } from "../core/uuid.ts";
import { createIngest, type Ingest } from "../parts/ingest/ingest.ts";
import { type MeasuredIngest, observeIngest } from "../parts/ingest/metrics.ts";
import type { StorageGate } from "../parts/ingest/ports.ts";
import { createRawLog } from "../parts/ingest/raw-log.ts";
import { openConnections } from "../process/databases.ts";
import type { ComposeOptions } from "./options.ts";
import { composeRateLimiter } from "./redis.ts";

/** By the metrics of their process. */
const observers = new WeakMap<object, MeasuredIngest>();

/** The accept path: limits, checks and group commits into the raw log. */
export function composeIngest(
  options: ComposeOptions,
  shared: { readonly storage: StorageGate; readonly clock: ReceiptClock },
): {
  readonly ingest: Ingest;
  readonly observer: MeasuredIngest;
} {
  const { urls, logger, metrics } = options;
  const { ingest: settings } = options.config();
  const database = openConnections(options).pool({
    url: urls.ingest,
    applicationName: "weir ingest",
    max: settings.groups_in_flight + 1,
    connectTimeoutMs: settings.commit_timeout_ms,
    // Log readers look that far back for late commits. The role has the same setting, for logins of its own.
    settings: { transaction_timeout: "10s" },
  });
  // `weir serve` composes several entries of the table of processes in one process
  const observer = observers.get(metrics) ?? observeIngest(metrics, logger);
  observers.set(metrics, observer);
  const ingest = createIngest({
    log: createRawLog({
      database,
      timeoutMs: settings.commit_timeout_ms,
      onNotifyFailure: (error) => logger.warn({ err: error }, "readers could not be notified"),
    }),
    rateLimiter: composeRateLimiter(options, "events"),
    ratePolicy: () => {
      const { events_per_second, burst_events } = options.config().ingest.rate_limit;
      return { eventsPerSecond: events_per_second, burstEvents: burst_events };
    },
    observer,
    ...shared,
    settings: {
      groupsInFlight: settings.groups_in_flight,
      groupEvents: settings.group_events,
      queueEvents: settings.queue_events,
      queueBytes: settings.queue_mib * 1024 * 1024,
      patienceMs: settings.commit_timeout_ms,
    },
    now: Date.now,
    monotonic: () => performance.now(),
    newId: uuidV7Maker(randomFillSync),
  });
  return { ingest, observer };
}

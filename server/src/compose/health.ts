import { databaseCheck } from "../adapters/postgres/health.ts";
import { collectMetrics } from "../adapters/telemetry/shared-metrics.ts";
import type { Database } from "../core/ports/database.ts";
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { Route } from "../core/ports/route.ts";
import { sparkCheck } from "../parts/engine/health.ts";
import { observeEngine } from "../parts/engine/metrics.ts";
import { etlCheck } from "../parts/etl/health.ts";
import { observeWindows } from "../parts/etl/metrics.ts";
import { healthRoutes } from "../parts/health/health-routes.ts";
import { readersCheck } from "../parts/log/health.ts";
import { readLag } from "../parts/log/lag.ts";
import { observeReaders } from "../parts/log/metrics.ts";
import { relayCheck } from "../parts/relay/health.ts";
import { streamCheck } from "../parts/stream/health.ts";
import { observeProcesses, processesCheck } from "../process/process-health.ts";
import { shopCheck } from "../process/shop/health.ts";
import { followProcessReports } from "../process/supervisor-channel.ts";
import { version } from "../process/version.ts";
import { usesRelay } from "./kafka.ts";
import type { ComposeOptions } from "./options.ts";

const notConfigured: HealthCheck = async () => ({
  status: "ok",
  detail: "the relay is not configured (kafka.brokers, relay.enabled)",
});

/** `/health`, `/healthz` and `/metrics`, for this process and what the others leave in the database. */
export function composeHealth(
  { config, metrics }: ComposeOptions,
  shared: {
    readonly database: Database;
    /** Of dependencies and parts that are composed elsewhere, by name. */
    readonly checks: Readonly<Record<string, HealthCheck>>;
    readonly draining: () => boolean;
  },
): readonly Route[] {
  const { database, checks, draining } = shared;
  observeWindows(metrics.installation, database, readLag);
  observeReaders(metrics.installation, database);
  observeEngine(metrics.installation, database);
  const processes = followProcessReports();
  observeProcesses(metrics.installation, processes);
  return healthRoutes({
    version,
    checks: {
      postgres: databaseCheck(database),
      etl: etlCheck(database, readLag),
      spark: sparkCheck(database),
      stream: streamCheck(database, readLag),
      readers: readersCheck(database),
      relay: usesRelay(config()) ? relayCheck(database, readLag) : notConfigured,
      processes: processesCheck(processes),
      shop: shopCheck(config),
      ...checks,
    },
    needed: ["postgres", "storage"],
    draining,
    dataDir: config().data_dir,
    metrics: () => collectMetrics(database, metrics),
  });
}

/** The guards of a process: settings from the configuration, state and failures in metrics and health. */
import { breakerCheck } from "../adapters/resilience/health.ts";
import {
  breakerStateMetric,
  observeBreakers,
  observeGuards,
} from "../adapters/resilience/metrics.ts";
import { createResilience, type Resilience } from "../adapters/resilience/resilience.ts";
import { readPublished } from "../adapters/telemetry/shared-metrics.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { ComposeOptions } from "./options.ts";

/** By the metrics of their process: `weir serve` composes several entries of the table in one process. */
const composed = new WeakMap<object, Resilience>();

/** The guards of a process, the same for all that is composed in it. */
export function composeResilience({
  config,
  logger,
  metrics,
}: Pick<ComposeOptions, "config" | "logger" | "metrics">): Resilience {
  const known = composed.get(metrics);
  if (known !== undefined) return known;
  const resilience = createResilience({
    settings: () => config().resilience,
    ...observeGuards(metrics, logger),
  });
  observeBreakers(metrics, resilience);
  composed.set(metrics, resilience);
  return resilience;
}

export function composeBreakerCheck(resilience: Resilience, database: Queryable): HealthCheck {
  return breakerCheck(resilience, () => readPublished(database, breakerStateMetric));
}

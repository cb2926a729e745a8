/** The guards of a process: one place of configuration, asked at every call, and their metrics. */

import { createResilience, type Resilience } from "../adapters/resilience/resilience.ts";
import { readPublished } from "../adapters/telemetry/shared-metrics.ts";
import type { Config } from "../config/schema.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { BreakerState } from "../core/ports/guard.ts";
import type { Check } from "../parts/health/health-routes.ts";
import type { ComposeOptions } from "./options.ts";

export type GuardName = keyof Config["resilience"]["guards"];

const stateMetric = "weir_breaker_state";
/** As the metric shows them: the place in this list. */
const breakerStates: readonly BreakerState[] = ["CLOSED", "HALF_OPEN", "OPEN"];

export function composeResilience({
  config,
  logger,
  metrics,
}: ComposeOptions): Resilience<GuardName> {
  const state = metrics.gauge({
    name: stateMetric,
    help: "0 closed, 1 half open, 2 open",
    labels: ["guard"],
  });
  const retries = metrics.counter({
    name: "weir_guard_retries_total",
    help: "Calls that were repeated",
    labels: ["guard"],
  });
  const failures = metrics.counter({
    name: "weir_guard_failures_total",
    help: "Attempts that found the other side away or too slow",
    labels: ["guard", "kind"],
  });
  const resilience = createResilience<GuardName>({
    settings: () => config().resilience,
    onStateChange: (guard, now) => logger.warn({ guard, state: now }, "breaker"),
    onRetry: (guard) => retries.inc({ guard }),
    onFailure: (guard, kind) => failures.inc({ guard, kind }),
  });
  metrics.onCollect(async () => {
    for (const [guard, now] of resilience.states()) {
      state.set({ guard }, breakerStates.indexOf(now.state));
    }
  });
  return resilience;
}

/** The breakers by name, each as the process sees it that finds the other side least. */
export function breakerCheck(resilience: Resilience<GuardName>, database: Queryable): Check {
  return async () => {
    const worst = new Map<string, { readonly state: number; readonly part: string }>();
    const add = (guard: string, state: number, part: string) => {
      if (state >= (worst.get(guard)?.state ?? 0)) worst.set(guard, { state, part });
    };
    for (const [guard, { state }] of resilience.states()) {
      add(guard, breakerStates.indexOf(state), "http");
    }
    for (const { labels, value } of await readPublished(database, stateMetric)) {
      add(labels["guard"] ?? "", value, labels["part"] ?? "");
    }
    const facts = Object.fromEntries(
      [...worst].map(([guard, { state }]) => [guard, breakerStates[state]]),
    );
    const open = [...worst].filter(([, { state }]) => state > 0);
    if (open.length === 0) return { status: "ok", facts };
    const found = open.map(([guard, { part }]) => `${guard} (asked by ${part})`).join(", ");
    return {
      status: "degraded",
      detail: `no answer from ${found}; it is tried again by itself`,
      facts,
    };
  };
}

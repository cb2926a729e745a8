/** The guards of a process: settings from the configuration, state and failures as metrics and in health. */

import { guardKind, hasId } from "../adapters/resilience/guard-name.ts";
import { createResilience, type Resilience } from "../adapters/resilience/resilience.ts";
import { createNamedSeries } from "../adapters/telemetry/named-series.ts";
import { readPublished } from "../adapters/telemetry/shared-metrics.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { BreakerState } from "../core/ports/guard.ts";
import type { Check } from "../parts/health/health-routes.ts";
import type { ComposeOptions } from "./options.ts";

const stateMetric = "weir_breaker_state";
/** The metric's value is the index in this list: the higher, the worse. */
const breakerStates: readonly BreakerState[] = ["CLOSED", "HALF_OPEN", "OPEN"];

/** Guards with an id that get a time series of their own in `weir_breaker_state`. */
const maxNamedSeries = 50;

export function composeResilience({
  config,
  logger,
  metrics,
}: Pick<ComposeOptions, "config" | "logger" | "metrics">): Resilience {
  const retries = metrics.counter({
    name: "weir_guard_retries_total",
    help: "Calls that were retried, by kind of guard",
    labels: ["guard"],
  });
  const failures = metrics.counter({
    name: "weir_guard_failures_total",
    help: "Attempts that failed because the dependency was unavailable or too slow, by kind of guard",
    labels: ["guard", "kind"],
  });
  const evicted = metrics.counter({
    name: "weir_guards_evicted_total",
    help: "Idle guards dropped to make room for new ones, by kind of guard",
    labels: ["guard"],
  });
  const refused = metrics.counter({
    name: "weir_guards_refused_total",
    help: "Calls refused because as many guards as allowed were in use, by kind of guard",
    labels: ["guard"],
  });
  const resilience = createResilience({
    settings: () => config().resilience,
    onStateChange: (guard, state) => logger.warn({ guard, state }, "breaker changed state"),
    onRetry: (guard) => retries.inc({ guard: guardKind(guard) }),
    onFailure: (guard, kind) => failures.inc({ guard: guardKind(guard), kind }),
    onEvict: (guard) => evicted.inc({ guard: guardKind(guard) }),
    onRefuse: (guard) => refused.inc({ guard: guardKind(guard) }),
  });
  observeStates(metrics, resilience);
  return resilience;
}

function observeStates(metrics: ComposeOptions["metrics"], resilience: Resilience): void {
  const state = metrics.gauge({
    name: stateMetric,
    help: `0 closed, 1 half open, 2 open. By kind: its worst guard. Also by name, for up to ${maxNamedSeries} guards`,
    labels: ["guard"],
  });
  const count = metrics.gauge({
    name: "weir_guards",
    help: "Guards that exist, by kind",
    labels: ["guard"],
  });
  const namedSeries = createNamedSeries(maxNamedSeries);
  metrics.onCollect(async () => {
    const states = resilience.states();
    state.reset();
    count.reset();
    for (const [kind, { worst, guards }] of byKind(states)) {
      state.set({ guard: kind }, worst);
      count.set({ guard: kind }, guards);
    }
    for (const name of namedSeries([...states.keys()].filter(hasId))) {
      const found = states.get(name);
      if (found !== undefined) state.set({ guard: name }, breakerStates.indexOf(found.state));
    }
  });
}

function byKind(states: ReturnType<Resilience["states"]>) {
  const kinds = new Map<string, { worst: number; guards: number }>();
  for (const [name, { state }] of states) {
    const kind = kinds.get(guardKind(name)) ?? { worst: 0, guards: 0 };
    kind.worst = Math.max(kind.worst, breakerStates.indexOf(state));
    kind.guards++;
    kinds.set(guardKind(name), kind);
  }
  return kinds;
}

/** The worst breaker of each kind, over all processes. */
export function breakerCheck(resilience: Resilience, database: Queryable): Check {
  return async () => {
    const worst = new Map<string, { readonly state: number; readonly part: string }>();
    const add = (guard: string, state: number, part: string) => {
      const kind = guardKind(guard);
      if (state >= (worst.get(kind)?.state ?? 0)) worst.set(kind, { state, part });
    };
    for (const [kind, found] of byKind(resilience.states())) add(kind, found.worst, "http");
    for (const { labels, value } of await readPublished(database, stateMetric)) {
      add(labels["guard"] ?? "", value, labels["part"] ?? "");
    }
    const facts = Object.fromEntries(
      [...worst].map(([kind, { state }]) => [kind, breakerStates[state]]),
    );
    const notClosed = [...worst].filter(([, { state }]) => state > 0);
    if (notClosed.length === 0) return { status: "ok", facts };
    const kinds = notClosed.map(([kind, { part }]) => `${kind} (called by ${part})`).join(", ");
    return {
      status: "degraded",
      detail: `no answer from ${kinds}; Weir keeps trying`,
      facts,
    };
  };
}

import type { BreakerState } from "../../core/ports/guard.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { guardKind, hasId } from "./guard-name.ts";
import { createNamedSeries } from "./named-series.ts";
import type { Resilience, ResilienceOptions } from "./resilience.ts";

export const breakerStateMetric = "weir_breaker_state";
/** The metric's value is the index in this list: the higher, the worse. */
export const breakerStates: readonly BreakerState[] = ["CLOSED", "HALF_OPEN", "OPEN"];

/** Guards with an id that get a time series of their own in `weir_breaker_state`. */
const maxNamedSeries = 50;

/** Counts retries, failures, evictions and refusals by kind of guard, and logs changes of state. */
export function observeGuards(
  metrics: Metrics,
  logger: Logger,
): Pick<ResilienceOptions, "onStateChange" | "onRetry" | "onFailure" | "onEvict" | "onRefuse"> {
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
  return {
    onStateChange: (guard, state) => logger.warn({ guard, state }, "breaker changed state"),
    onRetry: (guard) => retries.inc({ guard: guardKind(guard) }),
    onFailure: (guard, kind) => failures.inc({ guard: guardKind(guard), kind }),
    onEvict: (guard) => evicted.inc({ guard: guardKind(guard) }),
    onRefuse: (guard) => refused.inc({ guard: guardKind(guard) }),
  };
}

/** The states of the breakers and the number of guards, read at each collection. */
export function observeBreakers(metrics: Metrics, resilience: Resilience): void {
  const state = metrics.gauge({
    name: breakerStateMetric,
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
    for (const [kind, { worst, guards }] of breakersByKind(states)) {
      state.set({ guard: kind }, worst);
      count.set({ guard: kind }, guards);
    }
    for (const name of namedSeries([...states.keys()].filter(hasId))) {
      const found = states.get(name);
      if (found !== undefined) state.set({ guard: name }, breakerStates.indexOf(found.state));
    }
  });
}

/** By kind of guard: the worst state, as an index in `breakerStates`, and the number of guards. */
export function breakersByKind(
  states: ReturnType<Resilience["states"]>,
): ReadonlyMap<string, { readonly worst: number; readonly guards: number }> {
  const kinds = new Map<string, { worst: number; guards: number }>();
  for (const [name, { state }] of states) {
    const kind = kinds.get(guardKind(name)) ?? { worst: 0, guards: 0 };
    kind.worst = Math.max(kind.worst, breakerStates.indexOf(state));
    kind.guards++;
    kinds.set(guardKind(name), kind);
  }
  return kinds;
}

/** The guards of a process: one place of configuration, asked at every call, and their metrics. */
import type { ComposeOptions } from "./compose-http.ts";
import type { Config } from "./config/schema.ts";
import type { BreakerState } from "./core/guard.ts";
import type { Check } from "./health/health-routes.ts";
import { createResilience, type Resilience } from "./resilience/resilience.ts";

export type GuardName = keyof Config["resilience"]["guards"];

/** As the metric shows them. */
const stateNumbers: Readonly<Record<BreakerState, number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 };

export function composeResilience({
  config,
  logger,
  metrics,
}: ComposeOptions): Resilience<GuardName> {
  const state = metrics.gauge({
    name: "weir_breaker_state",
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
    for (const [guard, now] of resilience.states()) state.set({ guard }, stateNumbers[now.state]);
  });
  return resilience;
}

/** The breakers of this process, by name. */
export function breakerCheck(resilience: Resilience<GuardName>): Check {
  return async () => {
    const states = [...resilience.states()];
    const facts = Object.fromEntries(states.map(([guard, { state }]) => [guard, state]));
    const open = states.filter(([, { state }]) => state !== "CLOSED").map(([guard]) => guard);
    if (open.length === 0) return { status: "ok", facts };
    const detail = `no answer from ${open.join(", ")}; it is tried again by itself`;
    return { status: "degraded", detail, facts };
  };
}

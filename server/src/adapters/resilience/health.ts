import type { HealthCheck } from "../../core/ports/health-check.ts";
import { guardKind } from "./guard-name.ts";
import { breakerStates, breakersByKind } from "./metrics.ts";
import type { Resilience } from "./resilience.ts";

/** A value of the metric `breakerStateMetric` in another process. */
interface PublishedState {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The worst breaker of each kind, over this process and those that published theirs. */
export function breakerCheck(
  resilience: Resilience,
  readPublished: () => Promise<readonly PublishedState[]>,
): HealthCheck {
  return async () => {
    const worst = new Map<string, { readonly state: number; readonly part: string }>();
    const add = (guard: string, state: number, part: string) => {
      const kind = guardKind(guard);
      if (state >= (worst.get(kind)?.state ?? 0)) worst.set(kind, { state, part });
    };
    for (const [kind, found] of breakersByKind(resilience.states())) add(kind, found.worst, "http");
    for (const { labels, value } of await readPublished()) {
      add(labels["guard"] ?? "", value, labels["part"] ?? "");
    }
    const facts = Object.fromEntries(
      [...worst].map(([kind, { state }]) => [kind, breakerStates[state]]),
    );
    const notClosed = [...worst].filter(([, { state }]) => state > 0);
    if (notClosed.length === 0) return { status: "ok", facts };
    const kinds = notClosed.map(([kind, { part }]) => `${kind} (called by ${part})`).join(", ");
    return { status: "degraded", detail: `no answer from ${kinds}; Weir keeps trying`, facts };
  };
}

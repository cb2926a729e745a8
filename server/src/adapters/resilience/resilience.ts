/**
 * Retries, time limits and breakers before what may be away, by name. The only importer of cockatiel.
 */
import type { BreakerState, Guard } from "../../core/ports/guard.ts";
import { BreakerGuard } from "./breaker-guard.ts";
import type { ResilienceSettings } from "./settings.ts";

export interface ResilienceOptions<Name extends string> {
  /** Asked at each call: a change takes effect at once and keeps the breakers' states. */
  readonly settings: () => ResilienceSettings<Name>;
  readonly onStateChange?: (guard: Name, state: BreakerState) => void;
  readonly onRetry?: (guard: Name) => void;
  /** An attempt found the thing away, or too slow. */
  readonly onFailure?: (guard: Name, kind: "away" | "timeout") => void;
  /** Uniform in [0, 1), for jitter. */
  readonly random?: () => number;
}

export interface Resilience<Name extends string> {
  /** One guard a name: whoever asks for it shares its breaker. */
  guard(name: Name): Guard;
  /** Of the guards asked for so far. */
  states(): ReadonlyMap<Name, { readonly state: BreakerState; readonly retryAfterMs: number }>;
}

export function createResilience<Name extends string>(
  options: ResilienceOptions<Name>,
): Resilience<Name> {
  const guards = new Map<Name, BreakerGuard>();
  return {
    guard(name) {
      const known = guards.get(name);
      if (known !== undefined) return known;
      const made = new BreakerGuard({
        name,
        settings() {
          const { guards: all, policies } = options.settings();
          return { guard: all[name], policy: policies[all[name].policy] };
        },
        random: options.random ?? Math.random,
        onStateChange: (state) => options.onStateChange?.(name, state),
        onRetry: () => options.onRetry?.(name),
        onFailure: (kind) => options.onFailure?.(name, kind),
      });
      guards.set(name, made);
      return made;
    },
    states: () =>
      new Map(
        [...guards].map(([name, { state, retryAfterMs }]) => [name, { state, retryAfterMs }]),
      ),
  };
}

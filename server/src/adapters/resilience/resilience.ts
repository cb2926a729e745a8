/** Time limits, retries and breakers for calls to dependencies, by name. The only importer of cockatiel. */
import { type BreakerState, type Guard, GuardLimitError } from "../../core/ports/guard.ts";
import { BreakerGuard } from "./breaker-guard.ts";
import { hasId } from "./guard-name.ts";
import { type ResilienceSettings, settingsOf } from "./settings.ts";

export interface ResilienceOptions {
  /** Read at each call: a change takes effect at once and keeps the breakers' states. */
  readonly settings: () => ResilienceSettings;
  readonly onStateChange?: (guard: string, state: BreakerState) => void;
  readonly onRetry?: (guard: string) => void;
  /** An attempt failed because the dependency was unavailable or too slow. */
  readonly onFailure?: (guard: string, kind: "unavailable" | "timeout") => void;
  /** An idle guard made room for a new one; its breaker's state is lost. */
  readonly onEvict?: (guard: string) => void;
  /** A call was refused with `GuardLimitError`. */
  readonly onRefuse?: (guard: string) => void;
  /** Uniform in [0, 1), for jitter. */
  readonly random?: () => number;
}

export interface GuardState {
  readonly state: BreakerState;
  readonly retryAfterMs: number;
}

export interface Resilience {
  /**
   * A guard by name (see `Guard.name`). It may be kept, or requested for each call: the state behind the name is
   * looked up when it is used. A guard with an id exists from its first call until `remove`, or until it is
   * the least recently used idle one when another needs its place.
   */
  guard(name: string): Guard;
  /** For a dependency that no longer exists. Calls in progress end as usual. */
  remove(name: string): void;
  /** Of the guards that exist. */
  states(): ReadonlyMap<string, GuardState>;
}

export function createResilience(options: ResilienceOptions): Resilience {
  const guards = new GuardTable(options);
  return {
    guard(name) {
      if (!hasId(name)) guards.use(name);
      return {
        name,
        get state() {
          return guards.find(name)?.state ?? "CLOSED";
        },
        get retryAfterMs() {
          return guards.find(name)?.retryAfterMs ?? 0;
        },
        // async: a refusal is a rejection, like every other failure
        execute: async (work, signal) => guards.use(name).execute(work, signal),
      };
    },
    remove: (name) => guards.remove(name),
    states: () => guards.states(),
  };
}

/** The guards that exist: those of a kind for good, those with an id up to a limit. */
class GuardTable {
  readonly #options: ResilienceOptions;
  readonly #ofKinds = new Map<string, BreakerGuard>();
  /** In order of last use. */
  readonly #withIds = new Map<string, BreakerGuard>();

  constructor(options: ResilienceOptions) {
    this.#options = options;
  }

  find(name: string): BreakerGuard | undefined {
    return this.#place(name).get(name);
  }

  /** @throws GuardLimitError */
  use(name: string): BreakerGuard {
    const place = this.#place(name);
    const known = place.get(name);
    if (known !== undefined) {
      if (place === this.#withIds) {
        place.delete(name);
        place.set(name, known);
      }
      return known;
    }
    if (place === this.#withIds) this.#makeRoom(name);
    const made = this.#make(name);
    place.set(name, made);
    return made;
  }

  remove(name: string): void {
    this.#place(name).delete(name);
  }

  states(): ReadonlyMap<string, GuardState> {
    return new Map(
      [...this.#ofKinds, ...this.#withIds].map(([name, { state, retryAfterMs }]) => [
        name,
        { state, retryAfterMs },
      ]),
    );
  }

  #place(name: string): Map<string, BreakerGuard> {
    return hasId(name) ? this.#withIds : this.#ofKinds;
  }

  #makeRoom(name: string): void {
    const limit = this.#options.settings().max_named_guards;
    for (const [oldest, guard] of this.#withIds) {
      if (this.#withIds.size < limit) return;
      if (!guard.isIdle) continue;
      this.#withIds.delete(oldest);
      this.#options.onEvict?.(oldest);
    }
    if (this.#withIds.size < limit) return;
    this.#options.onRefuse?.(name);
    throw new GuardLimitError(name, limit);
  }

  #make(name: string): BreakerGuard {
    const { settings, random, onStateChange, onRetry, onFailure } = this.#options;
    return new BreakerGuard({
      name,
      settings() {
        const all = settings();
        const guard = settingsOf(all, name);
        return { guard, policy: all.policies[guard.policy] };
      },
      random: random ?? Math.random,
      onStateChange: (state) => onStateChange?.(name, state),
      onRetry: () => onRetry?.(name),
      onFailure: (kind) => onFailure?.(name, kind),
    });
  }
}

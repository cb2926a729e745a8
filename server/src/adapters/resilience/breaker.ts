import {
  type CircuitBreakerPolicy,
  type CircuitState,
  ConsecutiveBreaker,
  CountBreaker,
  circuitBreaker,
  handleWhen,
  type IBreaker,
} from "cockatiel";
import type { BreakerSettings } from "./settings.ts";

/** Opens when either has had enough. */
class EitherBreaker implements IBreaker {
  readonly #consecutive: ConsecutiveBreaker | undefined;
  readonly #rate: CountBreaker | undefined;
  readonly #window: number;

  constructor(settings: BreakerSettings) {
    const { consecutive_failures, failure_rate, window_calls } = settings;
    this.#consecutive =
      consecutive_failures === 0 ? undefined : new ConsecutiveBreaker(consecutive_failures);
    this.#rate =
      failure_rate >= 1
        ? undefined
        : new CountBreaker({ threshold: failure_rate, size: window_calls });
    this.#window = window_calls;
  }

  get state(): unknown {
    return {
      consecutive: this.#consecutive?.state,
      window: this.#window,
      rate: this.#rate?.state,
    } satisfies EitherState;
  }

  /** What was counted by other settings stays, as far as these count it too. */
  set state(value: unknown) {
    const { consecutive, window, rate } = value as EitherState;
    if (this.#consecutive !== undefined && consecutive !== undefined) {
      this.#consecutive.state = consecutive;
    }
    if (this.#rate !== undefined && rate !== undefined && window === this.#window) {
      this.#rate.state = rate;
    }
  }

  success(state: CircuitState): void {
    this.#consecutive?.success();
    this.#rate?.success(state);
  }

  failure(state: CircuitState): boolean {
    const inARow = this.#consecutive?.failure() ?? false;
    const tooMany = this.#rate?.failure(state) ?? false;
    return inARow || tooMany;
  }
}

interface EitherState {
  readonly consecutive: number | undefined;
  readonly window: number;
  readonly rate: unknown;
}

/**
 * @param counts whether an error says that the thing is away
 * @param before the breaker of other settings whose state goes on; a half-open one tries again
 */
export function makeBreaker(
  settings: BreakerSettings,
  counts: (error: unknown) => boolean,
  before: CircuitBreakerPolicy | undefined,
): CircuitBreakerPolicy {
  return circuitBreaker(handleWhen(counts), {
    breaker: new EitherBreaker(settings),
    halfOpenAfter: settings.open_ms,
    halfOpenSampling: { calls: settings.half_open_calls, threshold: 0 },
    ...(before === undefined ? {} : { initialState: before.toJSON() }),
  });
}

/** Milliseconds until an open breaker tries again; cockatiel tells when it opened in this form only. */
export function openFor(breaker: CircuitBreakerPolicy, openMs: number): number {
  const { ownState } = breaker.toJSON() as { ownState: { openedAt?: number } };
  return Math.max(0, (ownState.openedAt ?? 0) + openMs - Date.now());
}

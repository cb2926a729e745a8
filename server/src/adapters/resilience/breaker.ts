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

/** Opens when one of two limits is exceeded: consecutive failures, or the share of failures. */
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

  /** Keeps what was counted under previous settings, as far as these count it too. */
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
    const tooManyInARow = this.#consecutive?.failure() ?? false;
    const rateTooHigh = this.#rate?.failure(state) ?? false;
    return tooManyInARow || rateTooHigh;
  }
}

interface EitherState {
  readonly consecutive: number | undefined;
  readonly window: number;
  readonly rate: unknown;
}

/**
 * @param counts whether an error means that the dependency is unavailable
 * @param previous the breaker of the previous settings, whose state is kept; a half-open one allows a new trial
 */
export function makeBreaker(
  settings: BreakerSettings,
  counts: (error: unknown) => boolean,
  previous: CircuitBreakerPolicy | undefined,
): CircuitBreakerPolicy {
  return circuitBreaker(handleWhen(counts), {
    breaker: new EitherBreaker(settings),
    // the guard measures the open time: cockatiel uses the wall clock, and a step back would keep it open for days
    halfOpenAfter: Number.NEGATIVE_INFINITY,
    halfOpenSampling: { calls: settings.half_open_calls, threshold: 0 },
    ...(previous === undefined ? {} : { initialState: previous.toJSON() }),
  });
}

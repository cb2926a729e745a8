import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  handleWhen,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from "cockatiel";
import {
  BreakerOpenError,
  type BreakerState,
  CallTimeoutError,
  type Guard,
} from "../../core/ports/guard.ts";
import { pause } from "../../timing/pause.ts";
import { makeBreaker } from "./breaker.ts";
import { retryDelay } from "./retry-delay.ts";
import type { GuardSettings, RetryPolicySettings } from "./settings.ts";

export interface BreakerGuardOptions {
  readonly name: string;
  /** Read at each call. */
  readonly settings: () => { readonly guard: GuardSettings; readonly policy: RetryPolicySettings };
  readonly random: () => number;
  readonly onStateChange: (state: BreakerState) => void;
  readonly onRetry: () => void;
  /** An attempt failed because the dependency was unavailable, or too slow (`timeout`). */
  readonly onFailure: (kind: "unavailable" | "timeout") => void;
}

const stateNames: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: "CLOSED",
  [CircuitState.Open]: "OPEN",
  [CircuitState.HalfOpen]: "HALF_OPEN",
  [CircuitState.Isolated]: "OPEN",
};

/** `retryAfterMs` while a trial call of a half-open breaker is in progress. */
const trialMs = 100;

/** A trial that its caller aborted says nothing about the dependency; the breaker must not close for it. */
class AbandonedTrial extends Error {}

/** See `Guard`. Its breaker's state outlives changes of settings. */
export class BreakerGuard implements Guard {
  readonly name: string;
  readonly #options: BreakerGuardOptions;
  #breaker: CircuitBreakerPolicy;
  /** The settings that `#breaker` was built with, as JSON. */
  #builtWith: string;
  /** When the breaker opened last, by `performance.now()`. */
  #openedAt = 0;
  #calls = 0;
  #trials = 0;

  constructor(options: BreakerGuardOptions) {
    this.name = options.name;
    this.#options = options;
    const { breaker } = options.settings().guard;
    this.#builtWith = JSON.stringify(breaker);
    this.#breaker = this.#build(undefined);
  }

  get state(): BreakerState {
    return stateNames[this.#current().state];
  }

  get retryAfterMs(): number {
    const breaker = this.#current();
    const { open_ms, half_open_calls } = this.#options.settings().guard.breaker;
    if (breaker.state === CircuitState.Open) {
      return Math.max(0, this.#openedAt + open_ms - performance.now());
    }
    return breaker.state === CircuitState.HalfOpen && this.#trials >= half_open_calls ? trialMs : 0;
  }

  /** No call is in progress, and no open time that must be observed is left. */
  get isIdle(): boolean {
    return this.#calls === 0 && this.retryAfterMs === 0;
  }

  async execute<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<T> {
    this.#calls++;
    try {
      return await this.#withRetries(work, signal);
    } finally {
      this.#calls--;
    }
  }

  async #withRetries<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { guard, policy } = this.#options.settings();
    const attempts = guard.attempts ?? policy.attempts;
    let last: { readonly error: unknown } | undefined;
    const mayRetry = (error: unknown) =>
      isUnavailable(error) && !(error instanceof BreakerOpenError) && this.retryAfterMs === 0;
    // The library counts and decides; the waiting is done here, because its own outlasts an abort.
    const retrying = retry(handleWhen(mayRetry), { maxAttempts: attempts - 1 });
    return retrying.execute(async ({ attempt }) => {
      if (attempt > 0) {
        await pause(retryDelay(policy, attempt, this.#options.random), signal);
        signal.throwIfAborted();
        this.#options.onRetry();
      }
      try {
        return await this.#attempt(work, signal);
      } catch (error) {
        // the breaker opened while this call was waiting for its retry
        if (error instanceof BreakerOpenError && last !== undefined) throw last.error;
        last = { error };
        throw error;
      }
    }, signal);
  }

  async #attempt<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const breaker = this.#current();
    const wait = this.retryAfterMs;
    if (wait > 0) throw new BreakerOpenError(this.name, wait);
    try {
      return await breaker.execute(() => {
        const trial = breaker.state === CircuitState.HalfOpen;
        if (trial) this.#trials++;
        return this.#attemptInTime(work, signal, trial);
      });
    } catch (error) {
      if (error instanceof AbandonedTrial) throw signal.reason;
      if (error instanceof BrokenCircuitError) {
        throw new BreakerOpenError(this.name, this.retryAfterMs);
      }
      throw error;
    }
  }

  async #attemptInTime<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    trial: boolean,
  ): Promise<T> {
    const { timeout_ms } = this.#options.settings().guard;
    const limit = timeout(timeout_ms, {
      strategy: TimeoutStrategy.Aggressive,
      abortOnReturn: false,
    });
    try {
      return await limit.execute((context) => work(context.signal), signal);
    } catch (error) {
      if (signal.aborted) throw trial ? new AbandonedTrial() : signal.reason;
      if (error instanceof TaskCancelledError) {
        this.#options.onFailure("timeout");
        throw new CallTimeoutError(this.name, timeout_ms);
      }
      if (isUnavailable(error)) this.#options.onFailure("unavailable");
      throw error;
    }
  }

  /** The breaker for the current settings. */
  #current(): CircuitBreakerPolicy {
    const { breaker } = this.#options.settings().guard;
    const current = JSON.stringify(breaker);
    if (current !== this.#builtWith) {
      this.#builtWith = current;
      const before = stateNames[this.#breaker.state];
      this.#breaker = this.#build(this.#breaker);
      const after = stateNames[this.#breaker.state];
      if (after !== before) this.#options.onStateChange(after);
    }
    return this.#breaker;
  }

  #build(previous: CircuitBreakerPolicy | undefined): CircuitBreakerPolicy {
    const { breaker: settings } = this.#options.settings().guard;
    const counts = (error: unknown) => isUnavailable(error) || error instanceof AbandonedTrial;
    const built = makeBreaker(settings, counts, previous);
    built.onStateChange((state) => {
      // calls that began before a change of settings end with the breaker they began with
      if (built !== this.#breaker) return;
      this.#trials = 0;
      if (state === CircuitState.Open) this.#openedAt = performance.now();
      this.#options.onStateChange(stateNames[state]);
    });
    return built;
  }
}

/** The dependency does not answer or asks to try again later; any other error is the caller's fault. */
function isUnavailable(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable === true;
}

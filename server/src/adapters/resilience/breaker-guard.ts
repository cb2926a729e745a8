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
import { createWake } from "../../timing/wake.ts";
import { makeBreaker, openFor } from "./breaker.ts";
import { retryDelay } from "./retry-delay.ts";
import type { GuardSettings, RetryPolicySettings } from "./settings.ts";

export interface BreakerGuardOptions {
  readonly name: string;
  /** Asked at each call. */
  readonly settings: () => { readonly guard: GuardSettings; readonly policy: RetryPolicySettings };
  readonly random: () => number;
  readonly onStateChange: (state: BreakerState) => void;
  readonly onRetry: () => void;
  /** An attempt found the thing away; `timeout` when it was too slow. */
  readonly onFailure: (kind: "away" | "timeout") => void;
}

const words: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: "CLOSED",
  [CircuitState.Open]: "OPEN",
  [CircuitState.HalfOpen]: "HALF_OPEN",
  [CircuitState.Isolated]: "OPEN",
};

/** How long a call is told to wait while others try out whether the thing is back. */
const trialMs = 100;

/** A trial that its caller gave up says nothing about the thing; the breaker must not close for it. */
class AbandonedTrial extends Error {}

/** See `Guard`. One lives as long as its process; its breaker's state outlives changes of settings. */
export class BreakerGuard implements Guard {
  readonly name: string;
  readonly #options: BreakerGuardOptions;
  #breaker: CircuitBreakerPolicy;
  #madeFor: string;
  #trials = 0;

  constructor(options: BreakerGuardOptions) {
    this.name = options.name;
    this.#options = options;
    const { breaker } = options.settings().guard;
    this.#madeFor = JSON.stringify(breaker);
    this.#breaker = this.#make(undefined);
  }

  get state(): BreakerState {
    return words[this.#current().state];
  }

  get retryAfterMs(): number {
    const breaker = this.#current();
    const { open_ms, half_open_calls } = this.#options.settings().guard.breaker;
    if (breaker.state === CircuitState.Open) return openFor(breaker, open_ms);
    return breaker.state === CircuitState.HalfOpen && this.#trials >= half_open_calls ? trialMs : 0;
  }

  async execute<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<T> {
    const { policy } = this.#options.settings();
    let last: { readonly error: unknown } | undefined;
    const mayRetry = (error: unknown) =>
      isAway(error) && !(error instanceof BreakerOpenError) && this.retryAfterMs === 0;
    // The library counts and judges; the waiting is done here, because its own outlasts an abort.
    const retrying = retry(handleWhen(mayRetry), { maxAttempts: policy.attempts - 1 });
    return retrying.execute(async ({ attempt }) => {
      if (attempt > 0) {
        await createWake().wait(retryDelay(policy, attempt, this.#options.random), signal);
        signal.throwIfAborted();
        this.#options.onRetry();
      }
      try {
        return await this.#attempt(work, signal);
      } catch (error) {
        // the breaker opened while this call waited for its retry
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
        return this.#inTime(work, signal, trial);
      });
    } catch (error) {
      if (error instanceof AbandonedTrial) throw signal.reason;
      if (error instanceof BrokenCircuitError) {
        throw new BreakerOpenError(this.name, this.retryAfterMs);
      }
      throw error;
    }
  }

  async #inTime<T>(
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
      if (isAway(error)) this.#options.onFailure("away");
      throw error;
    }
  }

  /** The breaker for the settings of now. */
  #current(): CircuitBreakerPolicy {
    const { breaker } = this.#options.settings().guard;
    const wanted = JSON.stringify(breaker);
    if (wanted !== this.#madeFor) {
      this.#madeFor = wanted;
      const before = words[this.#breaker.state];
      this.#breaker = this.#make(this.#breaker);
      const after = words[this.#breaker.state];
      if (after !== before) this.#options.onStateChange(after);
    }
    return this.#breaker;
  }

  #make(before: CircuitBreakerPolicy | undefined): CircuitBreakerPolicy {
    const { breaker: settings } = this.#options.settings().guard;
    const counts = (error: unknown) => isAway(error) || error instanceof AbandonedTrial;
    const made = makeBreaker(settings, counts, before);
    made.onStateChange((state) => {
      // calls that began before a change of settings end with the breaker of that time
      if (made !== this.#breaker) return;
      this.#trials = 0;
      this.#options.onStateChange(words[state]);
    });
    return made;
  }
}

/** The thing does not answer or asks to come back later; anything else is the caller's own fault. */
function isAway(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable === true;
}

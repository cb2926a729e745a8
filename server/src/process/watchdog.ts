/**
 * Notices processes that give no sign of life. Silence is added up from the watchdog's own ticks on a
 * monotonic clock, so the time in which the watchdog itself does not run counts against no process: after
 * its own suspension (SIGSTOP, a laptop that sleeps, a machine without CPU time) each process gets a whole
 * interval again.
 */
export interface WatchdogOptions {
  /** The silence after which a process is frozen. */
  readonly limitMs: number;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  /** Called when a silence begins to be long. */
  onSilent?(name: string): void;
  /** Whether the silence means that it is frozen; asked again at each tick while it lasts. */
  isFrozen?(name: string, silentMs: number): boolean;
  onFrozen(name: string, silentMs: number): void;
}

export const watchdogTickMs = 500;
/** A silence of more than two beats. */
const longSilenceMs = 2_000;
/** A tick that is later than this shows that the watchdog was suspended. */
const suspendedAfterMs = 2_000;

export class Watchdog {
  readonly #options: WatchdogOptions;
  /** By process: for how long it has been silent. */
  readonly #silence = new Map<string, number>();
  #lastTickAt: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#lastTickAt = options.now();
  }

  start(): void {
    this.#lastTickAt = this.#options.now();
    this.#timer = setInterval(() => this.tick(), watchdogTickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The process has started, or has given a sign of life. */
  beat(name: string): void {
    this.#silence.set(name, 0);
  }

  /** The process has ended. */
  forget(name: string): void {
    this.#silence.delete(name);
  }

  tick(): void {
    const now = this.#options.now();
    const elapsedMs = now - this.#lastTickAt;
    this.#lastTickAt = now;
    for (const [name, silentMs] of this.#silence) {
      const silence = elapsedMs > suspendedAfterMs ? 0 : silentMs + elapsedMs;
      this.#silence.set(name, silence);
      if (silentMs < longSilenceMs && silence >= longSilenceMs) this.#options.onSilent?.(name);
      if (silence < this.#options.limitMs) continue;
      if (this.#options.isFrozen?.(name, silence) === false) continue;
      // a process that SIGKILL does not end at once is reported again after another interval
      this.#silence.set(name, 0);
      this.#options.onFrozen(name, silence);
    }
  }
}

/** How many deliveries are on their way at once, in all. Lanes wait in turn, each for one at a time. */
export class Slots {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #used = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Resolves with true when the caller has one, and with false when aborted. */
  async take(signal: AbortSignal): Promise<boolean> {
    while (this.#used >= this.#limit()) {
      if (signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const end = () => {
          signal.removeEventListener("abort", end);
          resolve();
        };
        this.#waiting.push(end);
        signal.addEventListener("abort", end, { once: true });
      });
    }
    if (signal.aborted) {
      this.#waiting.shift()?.();
      return false;
    }
    this.#used++;
    return true;
  }

  give(): void {
    this.#used--;
    this.#waiting.shift()?.();
  }
}

interface FlushWaiter {
  readonly upTo: number;
  done(): void;
  fail(error: Error): void;
}

/** Callers of `flush()` and `ready()` that are still waiting. */
export class Waiters {
  readonly #flushes = new Set<FlushWaiter>();
  readonly #ready = new Set<{ resolve(): void; reject(error: Error): void }>();

  get flushing(): boolean {
    return this.#flushes.size > 0;
  }

  /** Resolves when `wake` finds nothing left up to `upTo`, or after `timeoutMs`. */
  flushed(upTo: number, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#flushes.delete(waiter);
      };
      const done = () => {
        end();
        resolve();
      };
      const fail = (error: Error) => {
        end();
        reject(error);
      };
      const timer = setTimeout(done, timeoutMs);
      const waiter = { upTo, done, fail };
      this.#flushes.add(waiter);
    });
  }

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ready.add({ resolve, reject });
    });
  }

  wake(now: { countUpTo(order: number): number; readonly room: boolean }): void {
    for (const flush of this.#flushes) if (now.countUpTo(flush.upTo) === 0) flush.done();
    if (!now.room) return;
    for (const waiter of this.#ready) waiter.resolve();
    this.#ready.clear();
  }

  fail(error: Error): void {
    for (const flush of this.#flushes) flush.fail(error);
    for (const waiter of this.#ready) waiter.reject(error);
    this.#ready.clear();
  }
}

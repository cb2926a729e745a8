import { WeirError } from "../../core/errors.ts";

interface LaneOptions {
  /** Maximum number that run at once. */
  readonly width: number;
  /** Maximum number that wait; one more is refused. */
  readonly queue: number;
  /** The longest wait, in milliseconds. */
  readonly waitMs: number;
}

interface Waiting {
  start(): void;
}

/**
 * Bounds how many questions run at once, so that readers cannot use up the connections and cores
 * that ingestion needs. A waiting question is dropped when its client disconnects.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Runs `work` when there is room. @throws WeirError overloaded when there is none in time */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#running < this.#options.width) this.#running++;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      // The slot goes to the question that has waited longest, or becomes free.
      const [next] = this.#waiting;
      if (next === undefined) this.#running--;
      else next.start();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.queue) throw full();
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        clearTimeout(timer);
        signal.removeEventListener("abort", abandon);
      };
      const abandon = () => {
        leave();
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        leave();
        reject(full());
      }, this.#options.waitMs);
      const waiting: Waiting = {
        start() {
          leave();
          resolve();
        },
      };
      signal.addEventListener("abort", abandon, { once: true });
      this.#waiting.add(waiting);
    });
  }
}

function full(): WeirError {
  return new WeirError("overloaded", {
    detail: "too many analytics queries are running; try again in a moment",
    retryAfterSeconds: 2,
  });
}

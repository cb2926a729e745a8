/** The lanes of all active subscriptions: opened, replaced when a subscription changes, closed. */
import type { OpenDestination } from "../../core/ports/destination.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import type { Subscription } from "./subscription.ts";

export interface LanesOptions
  extends Omit<LaneOptions, "subscription" | "destination" | "bufferBytes"> {
  readonly openDestination: OpenDestination;
  /** Of all lanes together. */
  readonly bufferBytes: () => number;
}

interface Running {
  readonly lane: Lane;
  /** What the lane was opened with. */
  readonly settings: string;
  readonly closing: AbortController;
  readonly ended: Promise<void>;
}

/** One event has 64 KiB at most, and its envelope little more. */
const leastBytes = 80 * 1024;

export class Lanes {
  readonly #options: LanesOptions;
  readonly #abort: AbortSignal;
  readonly #running = new Map<string, Running>();
  /** Of lanes that were closed: their subscriptions' next lanes wait for them. */
  readonly #ending = new Map<string, Promise<void>>();

  /** @param abort ends what is on its way at once */
  constructor(options: LanesOptions, abort: AbortSignal) {
    this.#options = options;
    this.#abort = abort;
  }

  apply(subscriptions: readonly Subscription[]): void {
    const active = new Map(
      subscriptions.filter(({ state }) => state === "active").map((one) => [one.id, one]),
    );
    for (const [id, { settings }] of [...this.#running]) {
      const now = active.get(id);
      if (now === undefined || settingsOf(now) !== settings) this.#end(id);
    }
    for (const subscription of active.values()) {
      if (!this.#running.has(subscription.id)) this.#open(subscription);
    }
  }

  wake(id: string): void {
    this.#running.get(id)?.lane.wake();
  }

  /** Starts nothing more; resolves when everything on its way has ended. */
  async close(): Promise<void> {
    for (const id of [...this.#running.keys()]) this.#end(id);
    await Promise.all(this.#ending.values());
  }

  #open(subscription: Subscription): void {
    const { id, url, concurrency } = subscription;
    const { openDestination, bufferBytes, ...shared } = this.#options;
    const closing = new AbortController();
    const lane = new Lane({
      ...shared,
      subscription,
      destination: openDestination({ subscriptionId: id, url, concurrency }),
      bufferBytes: () =>
        Math.max(leastBytes, Math.floor(bufferBytes() / Math.max(1, this.#running.size))),
    });
    // never two lanes of one subscription: they could send the same delivery at once
    const before = this.#ending.get(id) ?? Promise.resolve();
    const ended = before.then(() => lane.run(closing.signal, this.#abort));
    this.#running.set(id, { lane, settings: settingsOf(subscription), closing, ended });
  }

  #end(id: string): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    running.closing.abort();
    const ending = running.ended.finally(() => {
      if (this.#ending.get(id) === ending) this.#ending.delete(id);
    });
    this.#ending.set(id, ending);
  }
}

/** What a lane depends on. */
function settingsOf({ url, concurrency, order_by, secrets }: Subscription): string {
  return JSON.stringify([url, concurrency, order_by, secrets]);
}

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../foundation/logger.ts";

export interface KeeperOptions {
  /** What is done each time; returns whether there may be more to do at once. */
  readonly work: () => Promise<boolean>;
  readonly everyMs: number;
  readonly logger: Logger;
}

/** Repeats `work` until it is disposed of; that waits for work in progress. A failure is logged and tried again. */
export function keepStock({ work, everyMs, logger }: KeeperOptions): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const more = await work().catch((error: unknown) => {
        logger.warn({ reason: String(error) }, "expired reservations could not be released");
        return false;
      });
      if (!more) await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

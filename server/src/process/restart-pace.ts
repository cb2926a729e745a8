import { createBackoff } from "../timing/backoff.ts";

const firstPauseMs = 200;
const lastPauseMs = 5_000;
/** A process that was ready for this long is healthy: its next restart is a fast one again. */
export const healthyAfterMs = 60_000;

/** How long to wait before a process is started again. */
export interface RestartPace {
  /** The process is ready. */
  ready(): void;
  /** The process ended; the pause doubles up to five seconds until it was ready for a minute. */
  next(): number;
}

/** @param now monotonic, in milliseconds */
export function createRestartPace(now: () => number): RestartPace {
  const backoff = createBackoff({ firstMs: firstPauseMs, lastMs: lastPauseMs });
  let readyAt: number | undefined;
  return {
    ready() {
      readyAt = now();
    },
    next() {
      if (readyAt !== undefined && now() - readyAt >= healthyAfterMs) backoff.reset();
      readyAt = undefined;
      return backoff.next();
    },
  };
}

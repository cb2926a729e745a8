/** Visits begin at random times, whether or not earlier ones have ended, as in a real shop. */
import type { Logger } from "../foundation/logger.ts";
import { ShopDownError } from "./browser.ts";
import { type Plan, planVisit } from "./plan.ts";
import { seededRandom } from "./random.ts";
import type { Rates } from "./rates.ts";
import type { Visited } from "./shopper.ts";

export interface TrafficOptions {
  readonly rates: Rates;
  readonly seed: number;
  /** Visits that begin per second, on average. 0: none. */
  readonly rate: number;
  readonly buyers?: number | undefined;
  /** Visits at the same time; what would begin beyond that is skipped. */
  readonly concurrency: number;
  readonly visit: (plan: Plan) => Promise<Visited>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Resolves early when the signal aborts. */
  readonly pause: (ms: number) => Promise<void>;
}

export interface TrafficCounts {
  begun: number;
  finished: number;
  /** Too many at the same time. */
  skipped: number;
  /** Ended because the shop was down. */
  failed: number;
  orders: number;
}

const backoff = { firstMs: 1_000, lastMs: 60_000 } as const;
const reportMs = 60_000;
/** A long gap is waited for in pieces: timers have an upper limit. */
const longestPauseMs = 3_600_000;

/** Until the signal aborts and the visits in progress have ended. */
export async function runTraffic(options: TrafficOptions): Promise<TrafficCounts> {
  const { rate, seed, signal, logger, now, pause, concurrency } = options;
  const counts: TrafficCounts = { begun: 0, finished: 0, skipped: 0, failed: 0, orders: 0 };
  const running = new Set<Promise<void>>();
  const gaps = seededRandom(seed, -1);
  let downMs = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let reportedAt = now();
  let next = now();

  async function visit(number: number): Promise<void> {
    try {
      const { orderId } = await options.visit(planVisit(number, options));
      counts.finished++;
      if (orderId !== undefined) counts.orders++;
      downMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      counts.failed++;
      if (!(error instanceof ShopDownError)) {
        logger.error({ visit: number, error: String(error) }, "a visit failed");
      }
      noteDown(error);
    }
  }

  /** Visits in progress that fail together count once. */
  function noteDown(error: unknown): void {
    if (now() < pausedUntil) return;
    downMs = Math.min(backoff.lastMs, downMs === 0 ? backoff.firstMs : downMs * 2);
    pausedUntil = now() + downMs;
    logger.warn({ reason: String(error), wait_ms: downMs }, "the shop is down; visits wait");
  }

  for (let number = 0; !signal.aborted; number++) {
    next += rate > 0 ? (-Math.log(1 - gaps()) / rate) * 1_000 : longestPauseMs;
    // what could not begin while this process was suspended, or the shop down, does not begin all at once
    next = Math.max(next, now());
    while (!signal.aborted && now() < Math.max(next, pausedUntil)) {
      await pause(Math.min(Math.max(next, pausedUntil) - now(), longestPauseMs));
    }
    if (signal.aborted || rate <= 0) continue;
    // while the shop is not known to be up again, one visit at a time tries it
    if (running.size >= (downMs > 0 ? 1 : concurrency)) {
      counts.skipped++;
    } else {
      counts.begun++;
      const visiting = visit(number);
      running.add(visiting);
      void visiting.finally(() => running.delete(visiting));
    }
    if (now() - reportedAt >= reportMs) {
      reportedAt = now();
      logger.info({ ...counts, in_progress: running.size }, "traffic");
    }
  }
  await Promise.all(running);
  return counts;
}

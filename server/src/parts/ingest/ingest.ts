/** The ingest part: routes in, committed events out. */
import type { RateLimiter, RatePolicy } from "../../core/access/rate-limit.ts";
import type { ReceiptClock } from "../../core/event/record.ts";
import type { Route } from "../../core/ports/route.ts";
import type { AcceptContext } from "./accept.ts";
import { cloudEventsRoutes } from "./cloudevents-routes.ts";
import { GroupCommit, type GroupSettings } from "./group-commit.ts";
import { nativeRoutes } from "./native-routes.ts";
import type { IngestObserver, RawLog, StorageGate } from "./ports.ts";
import { segmentRoutes } from "./segment-routes.ts";

export interface IngestOptions {
  readonly log: RawLog;
  readonly rateLimiter: RateLimiter;
  /** Called for each request, so that it can change at run time. */
  readonly ratePolicy: () => RatePolicy;
  readonly observer: IngestObserver;
  readonly storage: StorageGate;
  readonly settings: GroupSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly clock: ReceiptClock;
  /** Monotonic milliseconds (performance.now). */
  readonly monotonic: () => number;
  /** A canonical UUID for an event that was sent without an id (core's uuidV7Maker). */
  readonly newId: (now: number) => string;
}

export interface Ingest {
  readonly context: AcceptContext;
  /** Prepares the log for today and the next days; without it, the first event of a day costs a retry. */
  prepare(): Promise<void>;
  /** Events that are queued or in flight. */
  readonly load: number;
  /** Refuses new events (503) and resolves when all accepted ones have been answered. */
  drain(): Promise<void>;
}

const daysAhead = 3;

export function createIngest(options: IngestOptions): Ingest {
  const commit = new GroupCommit(options);
  return {
    context: { ...options, commit },
    prepare: () => options.log.prepareDays(daysAhead),
    get load() {
      return commit.load;
    },
    drain: () => commit.drain(),
  };
}

/** Every HTTP entry point of events. */
export function ingestRoutes(ingest: Ingest): Route[] {
  const { context } = ingest;
  return [...nativeRoutes(context), ...segmentRoutes(context), ...cloudEventsRoutes(context)];
}

/** The ingest part: routes in, committed events out. */
import type { RateLimiter, RatePolicy } from "../../core/access/rate-limit.ts";
import type { Route } from "../../core/ports/route.ts";
import type { AcceptContext } from "./accept.ts";
import { cloudEventsRoutes } from "./cloudevents-routes.ts";
import { GroupCommit, type GroupSettings } from "./group-commit.ts";
import { nativeRoutes } from "./native-routes.ts";
import type { IngestObserver, RawLog } from "./ports.ts";
import { segmentRoutes } from "./segment-routes.ts";

export interface IngestOptions {
  readonly log: RawLog;
  readonly rateLimiter: RateLimiter;
  /** Asked at each request, so that it can change while Weir runs. */
  readonly ratePolicy: () => RatePolicy;
  readonly observer: IngestObserver;
  readonly settings: GroupSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds on a clock that never jumps (performance.now). */
  readonly monotonic: () => number;
  /** A canonical UUID for an event that came without an id (core's uuidV7Maker). */
  readonly newId: (now: number) => string;
}

export interface Ingest {
  readonly context: AcceptContext;
  /** Makes the log ready for today and the days after; ingestion works without, at the cost of one retry. */
  prepare(): Promise<void>;
  /** Events that wait or are under way. */
  readonly load: number;
  /** Refuses what comes from now on (503) and resolves when all that was taken has been answered. */
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

/** Every HTTP entry point of events (DESIGN section 3). */
export function ingestRoutes(ingest: Ingest): Route[] {
  const { context } = ingest;
  return [...nativeRoutes(context), ...segmentRoutes(context), ...cloudEventsRoutes(context)];
}

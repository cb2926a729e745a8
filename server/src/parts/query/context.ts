import type { Database } from "../../core/ports/database.ts";
import type { Asker } from "./ask.ts";
import type { RequestRerun } from "./questions/reruns.ts";

export interface QueryDeps {
  /** As role weir_app. */
  readonly database: Database;
  readonly requestRerun: RequestRerun;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Monotonic milliseconds, for limits of time. */
  readonly clock?: () => number;
  readonly version: string;
  /** `development`, `test` or `production`. */
  readonly environment: string;
  /** Days that raw events are kept. */
  readonly retentionDays: number;
  /** Limits of one question; free-form funnels and breakdowns have their own. */
  readonly timeoutMs: number;
  readonly freeFormTimeoutMs: number;
  /** Questions worked on at once; leave connections for the other users of the pool. */
  readonly concurrency: number;
}

/** What a route's handler works with. */
export interface QueryContext extends QueryDeps {
  readonly asker: Asker;
}

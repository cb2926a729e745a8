import type { Database } from "../../core/ports/database.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { QueryRunner } from "./query-runner.ts";
import type { RequestRerun } from "./questions/reruns.ts";

export interface QueryDeps {
  /** As role weir_app. */
  readonly database: Database;
  /** Undefined: every question is computed. */
  readonly cache?: AnswerCache | undefined;
  readonly requestRerun: RequestRerun;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Monotonic milliseconds, for time limits. */
  readonly clock?: () => number;
  readonly version: string;
  /** `development`, `test` or `production`. */
  readonly environment: string;
  /** Days that raw events are kept. */
  readonly retentionDays: number;
  /** Time limit of one question; free-form funnels and breakdowns have their own. */
  readonly timeoutMs: number;
  readonly freeFormTimeoutMs: number;
  /** Questions that run at once; leave connections for the other users of the pool. */
  readonly concurrency: number;
}

/** What the handlers of routes use. */
export interface QueryContext extends QueryDeps {
  readonly runner: QueryRunner;
}

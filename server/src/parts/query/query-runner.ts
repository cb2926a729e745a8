import type { Freshness } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import {
  type Database,
  DatabaseError,
  type Queryable,
  type Statement,
} from "../../core/ports/database.ts";
import { readFreshness } from "./freshness.ts";
import { Lane } from "./lane.ts";

interface Limits {
  /** Time limit of one question in ms; `freeForm` is larger, for questions that read single events. */
  readonly timeoutMs: number;
  readonly freeFormTimeoutMs: number;
  /** Questions that run at the same time. */
  readonly concurrency: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** How expensive a question is; decides its lane, time limit, memory and workers. */
export type Weight = "light" | "heavy" | "freeForm";

export interface Question {
  readonly weight: Weight;
  /** Aborts when the client goes away: the running statement is cancelled on the server. */
  readonly signal: AbortSignal;
}

/** Statements that share one deadline. */
export interface Scan extends Queryable {
  remainingMs(): number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** Time limit of one page of results from a scan; a page that is cut short can be continued. */
const pageMs = 3_000;

/**
 * `light` reads windows through their primary keys. `heavy` reads one row per user, with a second
 * worker process if one is free (117 ms instead of 205), so half as many run at once. `freeForm` reads
 * one row per event, so few run at once, with half the memory that sorting ten million rows would use.
 * Rows per user are stored in the order of arrival: an index scan jumps between them (926 ms of CPU
 * for an overview of 250,000 users, as the planner assumes that cached pages are free), while a bitmap
 * scan reads each page once.
 */
const settings = {
  light: { work_mem: "16MB", workers: "0", indexScan: "on" },
  heavy: { work_mem: "64MB", workers: "1", indexScan: "off" },
  freeForm: { work_mem: "128MB", workers: "2", indexScan: "on" },
} as const;

/**
 * Runs questions on the database, bounded in number, time and memory. Each runs in one snapshot, so
 * that all numbers of an answer and its freshness are consistent. One instance per process.
 */
export class QueryRunner {
  readonly #database: Database;
  readonly #limits: Limits;
  readonly #lanes: Readonly<Record<Weight, Lane>>;

  constructor(database: Database, limits: Limits) {
    this.#database = database;
    this.#limits = limits;
    const lane = (share: number, queue: number) =>
      new Lane({
        width: Math.max(1, Math.floor(limits.concurrency * share)),
        queue,
        waitMs: limits.timeoutMs,
      });
    this.#lanes = { light: lane(1, 64), heavy: lane(1 / 2, 32), freeForm: lane(1 / 4, 4) };
  }

  timeoutMs(weight: Weight): number {
    return weight === "freeForm" ? this.#limits.freeFormTimeoutMs : this.#limits.timeoutMs;
  }

  /** Answers from one read-only snapshot. @throws WeirError query_timeout, overloaded */
  async run<T extends object>(
    question: Question,
    work: (connection: Queryable) => Promise<T>,
  ): Promise<T & { freshness: Freshness }> {
    return this.read(question, async (connection) => {
      const freshness = await readFreshness(connection);
      return { ...(await work(connection)), freshness };
    });
  }

  /** As `run`, without freshness, for raw events: they are as fresh as the snapshot. */
  async read<T>(question: Question, work: (connection: Queryable) => Promise<T>): Promise<T> {
    const { weight, signal } = question;
    const timeoutMs = this.timeoutMs(weight);
    return this.#inLane(question, () =>
      this.#database.transaction(
        async (connection) => {
          await connection.query(settingsStatement(weight, timeoutMs), { signal });
          return work({
            query: (statement, options) => connection.query(statement, { signal, ...options }),
          });
        },
        // The statement timeout ends one statement; this one bounds all of them, and the connection.
        { isolation: "repeatable read", readOnly: true, timeoutMs: timeoutMs + 1_000 },
      ),
    );
  }

  /**
   * For work in many small statements of which the last may time out: there is no transaction, so
   * earlier results are kept.
   */
  async scan<T>(question: Question, work: (scan: Scan) => Promise<T>): Promise<T> {
    return this.#inLane(question, () => {
      const { clock } = this.#limits;
      const deadline = clock() + Math.min(this.timeoutMs(question.weight), pageMs);
      const { signal } = question;
      return work({
        clock,
        remainingMs: () => deadline - clock(),
        query: (statement) =>
          this.#database.query(statement, {
            signal,
            // In steps, because each different limit is prepared as its own statement.
            timeoutMs: Math.max(1, Math.ceil((deadline - clock()) / 500)) * 500,
          }),
      });
    });
  }

  async #inLane<T>({ weight, signal }: Question, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#lanes[weight].run(work, signal);
    } catch (error) {
      throw signal.aborted ? error : asAnswer(error, this.timeoutMs(weight));
    }
  }
}

/** Whether PostgreSQL ended a statement or transaction because of its time limit. */
export function ranOutOfTime(error: unknown): boolean {
  // statement_timeout or cancelled, transaction_timeout, the client's own limit
  return error instanceof DatabaseError && ["57014", "25P04", "timeout"].includes(error.code);
}

function asAnswer(error: unknown, timeoutMs: number): unknown {
  if (ranOutOfTime(error)) {
    return new WeirError("query_timeout", {
      detail: `the query took longer than ${timeoutMs / 1000} s; use a shorter range`,
      cause: error,
    });
  }
  if (error instanceof DatabaseError && error.retryable) {
    return new WeirError("unavailable", {
      detail: "the database is unavailable; try again in a moment",
      cause: error,
    });
  }
  return error;
}

function settingsStatement(weight: Weight, timeoutMs: number): Statement {
  const { work_mem, workers, indexScan } = settings[weight];
  return {
    text: `select set_config('work_mem', $1, true), set_config('jit', 'off', true),
      set_config('max_parallel_workers_per_gather', $2, true),
      set_config('enable_indexscan', $3, true), set_config('statement_timeout', $4, true)`,
    values: [work_mem, workers, indexScan, String(timeoutMs)],
  };
}

/** Claims pages of the log one after the other, and writes the effects of each. */
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications, Queryable } from "../../core/ports/database.ts";
import type { LogPage, PageReader } from "../../core/ports/log.ts";
import { retryWithBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import { addDeadLetters } from "./dead-letters.ts";
import { readPageEvents } from "./read-page.ts";
import type { DropReason, StepOptions } from "./steps/steps.ts";
import type { DeadEvent } from "./write/prepare-page.ts";
import type { Processor } from "./write/processor.ts";

export interface WorkerOptions {
  /** Sessions with `synchronous_commit = off`: what a crash takes back is read again. */
  readonly database: Database;
  readonly notifications: Notifications;
  /** The reader `stream` of the raw log. */
  readonly pages: PageReader;
  readonly processor: Processor;
  /** Unique among processes and their workers, for people to read: host, pid. */
  readonly owner: string;
  readonly pageEvents: number;
  /** Shortest time from one page to the next while there is little to read. */
  readonly intervalMs: number;
  /** A page is taken over when its worker gave no sign of life for this long; default 10 s. */
  readonly patienceMs?: number;
  /** With documents every event is read, otherwise only those about a product. */
  readonly steps?: StepOptions;
  readonly onPage?: (page: PageReport) => void;
  readonly onError?: (error: unknown) => void;
  /** Why the worker cannot continue, or undefined when it can again. */
  readonly onProblem: (problem: string | undefined) => void;
}

export interface PageReport {
  readonly events: number;
  readonly dropped: ReadonlyMap<DropReason, number>;
  readonly dead: readonly DeadEvent[];
  readonly products: number;
  readonly users: number;
  readonly points: number;
  readonly milliseconds: number;
  /** From the receipt of the page's oldest event to its effects. */
  readonly lagMs: number;
}

const pollMs = 500;
/** From one page that is not full to the next. */
const longestPeriodMs = 500;
const busyEvents = 100;
const defaultPatienceMs = 10_000;
/** Signs of life within the patience. */
const beats = 5;
const backoff = { firstMs: 100, lastMs: 5_000 } as const;

export class StreamWorker {
  readonly #options: WorkerOptions;
  readonly #patienceMs: number;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { notifications, pages, pageEvents } = this.#options;
    const wake = createWake();
    const unsubscribe = notifications.subscribe("weir_raw", () => wake.wake());
    try {
      await this.#untilDone(signal, () => pages.register());
      while (!signal.aborted) {
        const started = performance.now();
        const page = await this.#untilDone(signal, () => this.#claim());
        if (page === undefined) {
          await wake.wait(pollMs, signal);
          continue;
        }
        const isDone = await this.#holdPage(page, signal);
        if (isDone && page.events < pageEvents) {
          const rest = this.#restOf(page, performance.now() - started);
          if (rest > 0) await pause(rest, signal);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  /** A page has a fixed cost: it waits for more events, longer when there are many. */
  #restOf(page: LogPage, spentMs: number): number {
    const period = page.events < busyEvents ? 0 : Math.min(3 * spentMs, longestPeriodMs);
    return Math.max(this.#options.intervalMs, period) - spentMs;
  }

  #claim(): Promise<LogPage | undefined> {
    const { pages, owner, pageEvents } = this.#options;
    return pages.claim({ owner, maxEvents: pageEvents, patienceMs: this.#patienceMs });
  }

  /**
   * Works on the page until it is done, lost to another worker (false) or the signal aborts (false). While the
   * database or the embedder is unavailable the worker keeps the page, and the log the events behind it.
   */
  async #holdPage(page: LogPage, signal: AbortSignal): Promise<boolean> {
    const lost = new AbortController();
    const holding = AbortSignal.any([signal, lost.signal]);
    const timer = setInterval(() => {
      this.#options.pages.keep(page).then(
        (kept) => kept || lost.abort(),
        // the database is unavailable; the epoch decides which worker may finish the page
        () => {},
      );
    }, this.#patienceMs / beats);
    try {
      return (await this.#untilDone(holding, () => this.#workOn(page, holding))) ?? false;
    } finally {
      clearInterval(timer);
    }
  }

  async #workOn(page: LogPage, signal: AbortSignal): Promise<boolean> {
    const { database, pages, processor, steps, onPage } = this.#options;
    const started = performance.now();
    const taken = await readPageEvents(pages, page, { steps, signal });
    const finish = async (connection: Queryable, dead: readonly DeadEvent[]) => {
      if (!(await pages.finish(connection, page))) return false;
      await addDeadLetters(connection, [...taken.dead, ...dead], pages.find);
      return true;
    };
    const written = await processor.process(taken.events, finish, signal);
    if (written === undefined) return false;
    await database.query({ text: "select pg_notify('weir_points', '')" });
    const milliseconds = performance.now() - started;
    onPage?.({
      events: page.events,
      dropped: taken.dropped,
      products: written.products,
      users: written.users,
      points: written.points,
      dead: [...taken.dead, ...written.dead],
      milliseconds,
      lagMs: page.ageMs + milliseconds,
    });
    return true;
  }

  /** Repeats with growing pauses until it succeeds; undefined when the signal aborts first. */
  async #untilDone<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T | undefined> {
    if (signal.aborted) return undefined;
    const { onProblem, onError } = this.#options;
    const onFailure = (error: unknown): boolean => {
      if (signal.aborted) return false;
      onProblem(messageOf(error));
      onError?.(error);
      return true;
    };
    try {
      const result = await retryWithBackoff(attempt, { ...backoff, signal, onFailure });
      onProblem(undefined);
      return result;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }
}

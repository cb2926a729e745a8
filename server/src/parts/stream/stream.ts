/**
 * The part `stream`: reads the raw log in pages, takes each event through the steps, and maintains products
 * and users with their points. Any number of workers, here and in other processes, share the pages.
 */
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { addDeadLetters } from "./dead-letters.ts";
import { claimPage, finishPage, keepPage, type Page, readPage } from "./pages.ts";
import { type DropReason, type ProductEvent, type StepOptions, takeSteps } from "./steps/steps.ts";
import type { DeadEvent } from "./write/prepare-page.ts";
import type { Processor } from "./write/processor.ts";
import type { Processed } from "./write/write-page.ts";

export interface StreamOptions {
  /** Sessions with `synchronous_commit = off`: what a crash takes back is read again. */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly processor: Processor;
  /** Unique among processes, for people to read: host, pid. */
  readonly owner: string;
  readonly workers: number;
  readonly pageEvents: number;
  /** Shortest time from one page to the next while there is little to read. */
  readonly intervalMs: number;
  readonly longestWriteMs: number;
  /** A page whose worker gave no sign of life for so long is taken over; default 10 s. */
  readonly patienceMs?: number;
  /** With documents every event is read, else only those about a product. */
  readonly steps?: StepOptions;
  readonly onPage?: (page: PageReport) => void;
  readonly onError?: (error: unknown) => void;
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
const backoffMs = { first: 100, last: 5_000 } as const;

export function createStream(options: StreamOptions): Part {
  const { database, processor, patienceMs = defaultPatienceMs } = options;
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const workers = Array.from({ length: options.workers }, (_, index) => work(index, signal));
    await Promise.all(workers);
  }

  async function work(index: number, signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = options.notifications.subscribe("weir_raw", () => wake.wake());
    try {
      while (!signal.aborted) {
        const started = performance.now();
        const page = await untilDone(signal, () => claim(index));
        if (page === undefined) {
          await wake.wait(pollMs, signal);
          continue;
        }
        const done = await holdPage(page, signal);
        if (done && page.events < options.pageEvents) {
          // a page has a fixed cost: it waits for its neighbours, longer when there are many
          const spent = performance.now() - started;
          const period = page.events < busyEvents ? 0 : Math.min(3 * spent, longestPeriodMs);
          const rest = Math.max(options.intervalMs, period) - spent;
          if (rest > 0) await createWake().wait(rest, signal);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  function claim(index: number): Promise<Page | undefined> {
    return claimPage(database, {
      owner: `${options.owner}/${index}`,
      maxEvents: options.pageEvents,
      longestWriteMs: options.longestWriteMs,
      patienceMs,
    });
  }

  /**
   * Works on the page until it is done, lost to another worker (false) or the signal aborts (false).
   * While something is away the page stays in hand, and the log keeps the rest.
   */
  async function holdPage(page: Page, signal: AbortSignal): Promise<boolean> {
    const lost = new AbortController();
    const holding = AbortSignal.any([signal, lost.signal]);
    const beat = setInterval(() => {
      keepPage(database, page).then(
        (kept) => kept || lost.abort(),
        // the database is away, and the page with it; it is safe whoever finishes it
        () => {},
      );
    }, patienceMs / beats);
    try {
      return (await untilDone(holding, () => workOn(page, holding))) ?? false;
    } finally {
      clearInterval(beat);
    }
  }

  async function workOn(page: Page, signal: AbortSignal): Promise<boolean> {
    const started = performance.now();
    const taken = await takePage(page, signal);
    const written = await processor.process(taken.events, finish, signal);
    if (written === undefined) return false;
    await database.query({ text: "select pg_notify('weir_points', '')" });
    options.onPage?.({
      events: page.events,
      dropped: taken.dropped,
      ...pick(written),
      dead: [...taken.dead, ...written.dead],
      milliseconds: performance.now() - started,
      lagMs: taken.oldest === undefined ? 0 : Date.now() - taken.oldest,
    });
    return true;

    async function finish(
      connection: Parameters<typeof finishPage>[0],
      dead: readonly DeadEvent[],
    ) {
      if (!(await finishPage(connection, page))) return false;
      await addDeadLetters(connection, [...taken.dead, ...dead]);
      return true;
    }
  }

  async function takePage(page: Page, signal: AbortSignal) {
    const events: ProductEvent[] = [];
    const dead: DeadEvent[] = [];
    const dropped = new Map<DropReason, number>();
    let oldest: number | undefined;
    let read = 0;
    for await (const chunk of readPage(database, page, {
      all: options.steps?.documents === true,
      signal,
    })) {
      for (const event of chunk) {
        read++;
        const outcome = takeSteps(event, options.steps);
        if (outcome.kind === "ok") events.push(outcome.value);
        else if (outcome.kind === "drop") add(dropped, outcome.reason);
        else dead.push({ name: event, reason: outcome.reason, error: outcome.error });
      }
      const [first] = chunk;
      if (first !== undefined && oldest === undefined) oldest = first.receivedAtMs;
    }
    // those without a product were not even read
    add(dropped, "no_product", page.events - read);
    return { events, dead, dropped, oldest };
  }

  /** Again and again with growing pauses until it succeeds; undefined when the signal aborts first. */
  async function untilDone<T>(
    signal: AbortSignal,
    attempt: () => Promise<T>,
  ): Promise<T | undefined> {
    for (let backoff: number = backoffMs.first; ; backoff = Math.min(backoff * 2, backoffMs.last)) {
      if (signal.aborted) return undefined;
      try {
        const result = await attempt();
        problem = undefined;
        return result;
      } catch (error) {
        if (signal.aborted) return undefined;
        problem = error instanceof Error ? error.message : String(error);
        options.onError?.(error);
        await createWake().wait(backoff, signal);
      }
    }
  }

  return { name: "stream", run, problem: () => problem };
}

function add(counts: Map<DropReason, number>, reason: DropReason, by = 1): void {
  if (by > 0) counts.set(reason, (counts.get(reason) ?? 0) + by);
}

function pick({ products, users, points }: Processed) {
  return { products, users, points };
}

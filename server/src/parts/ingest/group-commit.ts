/**
 * Group commit: requests that wait share one statement and one commit. At most `groupsInFlight`
 * groups are in flight; what arrives meanwhile forms the next one.
 *
 * A full group starts at once; a smaller one when the requests of this turn of the event loop have been
 * read, so that they share it. Batches of several connections that arrive together take 20 ms to check:
 * with the first of them in flight meanwhile, PostgreSQL does not wait for the last (docs/decisions/0031).
 */
import type { EventRecord } from "../../core/event/record.ts";
import { appendGroup, type Outcome } from "./append-group.ts";
import type { IngestObserver, RawLog, StorageGate } from "./ports.ts";

export interface GroupSettings {
  /** 3-4; with one, 30-40 % of the batch throughput is lost waiting for the disk. */
  readonly groupsInFlight: number;
  /** A submission is never split: a larger one is a group of its own. */
  readonly groupEvents: number;
  readonly queueEvents: number;
  readonly queueBytes: number;
  /** Maximum time from submission to answer; after it every event is answered `retry`. */
  readonly patienceMs: number;
}

export interface GroupCommitOptions {
  readonly log: RawLog;
  readonly observer: IngestObserver;
  readonly storage: StorageGate;
  readonly settings: GroupSettings;
  /** Monotonic milliseconds (performance.now). */
  readonly monotonic: () => number;
}

interface Submission {
  readonly records: readonly EventRecord[];
  readonly bytes: number;
  readonly deadline: number;
  /** Undefined once answered. */
  resolve: ((outcomes: readonly Outcome[]) => void) | undefined;
}

interface Group {
  readonly submissions: readonly Submission[];
  readonly events: number;
  readonly bytes: number;
}

/**
 * A group is full with this many events or bytes. With its other columns it then fits the send buffer of
 * a local socket (208 KiB by default on Linux) and is handed to PostgreSQL by one write; what did not fit would
 * wait for the next turn of the event loop. Larger groups save little.
 */
const fullEvents = 300;
const fullBytes = 144 * 1024;
/** However much waits. */
const groupBytes = 8 * 1024 * 1024;
/**
 * While a group is in flight, another one starts only if it is worth its own statement (which costs
 * PostgreSQL as much as about ten events). The first one never waits.
 */
const worthEvents = 32;
const worthBytes = 64 * 1024;
/** How often deadlines are checked: one timer for all, as a timer per request costs 1 µs. */
const sweepMs = 50;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Submission[] = [];
  #queueEvents = 0;
  #queueBytes = 0;
  readonly #inFlight = new Set<Group>();
  #scheduled = false;
  #sweeper: NodeJS.Timeout | undefined;
  #unanswered = 0;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Events that are queued or in flight. */
  get load(): number {
    let events = this.#queueEvents;
    for (const group of this.#inFlight) events += group.events;
    return events;
  }

  /** Outcomes in the order given, at the latest after `patienceMs`; undefined when the queue is full. */
  submit(records: readonly EventRecord[]): Promise<readonly Outcome[]> | undefined {
    const { settings, monotonic } = this.#options;
    if (records.length === 0) return Promise.resolve([]);
    let bytes = 0;
    for (const record of records) bytes += record.end - record.start;
    if (
      this.#closed ||
      this.#queueEvents + records.length > settings.queueEvents ||
      this.#queueBytes + bytes > settings.queueBytes
    ) {
      return undefined;
    }
    this.#queueEvents += records.length;
    this.#queueBytes += bytes;
    this.#unanswered++;
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs);
    const deadline = monotonic() + settings.patienceMs;
    return new Promise((resolve) => {
      this.#queue.push({ records, bytes, deadline, resolve });
      if (this.#isFull() && this.#mayStart()) void this.#write(this.#takeGroup());
      else this.#schedule();
    });
  }

  /** Accepts nothing more; resolves when all submissions have been answered. */
  drain(): Promise<void> {
    this.#closed = true;
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Runs after the remaining requests of this turn of the event loop, so that they share a group. */
  #schedule(): void {
    if (this.#scheduled || !this.#mayStart()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#mayStart()) void this.#write(this.#takeGroup());
    });
  }

  #mayStart(): boolean {
    if (this.#queue.length === 0) return false;
    if (this.#inFlight.size === 0) return true;
    const isWorthwhile = this.#queueEvents >= worthEvents || this.#queueBytes >= worthBytes;
    return isWorthwhile && this.#inFlight.size < this.#options.settings.groupsInFlight;
  }

  #isFull(): boolean {
    return this.#queueEvents >= fullEvents || this.#queueBytes >= fullBytes;
  }

  /** A full group, or more when so much waits that full groups would not keep up (a slow disk, an outage). */
  #takeGroup(): Group {
    const { settings, observer } = this.#options;
    const mostEvents = Math.min(settings.groupEvents, Math.max(fullEvents, this.#queueEvents / 2));
    const mostBytes = Math.min(groupBytes, Math.max(fullBytes, this.#queueBytes / 2));
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const submission of this.#queue) {
      const isFull =
        events + submission.records.length > mostEvents || bytes + submission.bytes > mostBytes;
      if (count > 0 && isFull) break;
      events += submission.records.length;
      bytes += submission.bytes;
      count++;
    }
    const submissions = this.#queue;
    this.#queue = submissions.splice(count);
    this.#queueEvents -= events;
    this.#queueBytes -= bytes;
    observer.queue(this.#queueEvents, this.#queueBytes);
    return { submissions, events, bytes };
  }

  async #write(group: Group): Promise<void> {
    const { log, observer, storage, monotonic } = this.#options;
    this.#inFlight.add(group);
    const started = monotonic();
    const [only] = group.submissions;
    const records =
      group.submissions.length === 1 && only !== undefined
        ? only.records
        : group.submissions.flatMap((submission) => submission.records);
    const outcomes = await appendGroup(log, records, (error) => observer.failure(error));
    observer.group({
      events: group.events,
      bytes: group.bytes,
      seconds: (monotonic() - started) / 1000,
      failed: outcomes.includes("retry") || outcomes.includes("full"),
    });
    if (outcomes.includes("full")) storage.full();
    this.#inFlight.delete(group);
    // before the answers are written: PostgreSQL has a connection free
    if (this.#isFull() && this.#mayStart()) void this.#write(this.#takeGroup());
    let at = 0;
    for (const submission of group.submissions) {
      const end = at + submission.records.length;
      this.#settle(submission, outcomes.slice(at, end));
      at = end;
    }
    if (this.#queue.length > 0) this.#schedule();
  }

  /** A submission past its deadline is answered `retry`, whatever happens to its group. */
  #sweep(): void {
    const now = this.#options.monotonic();
    let late = 0;
    while (late < this.#queue.length && (this.#queue[late] as Submission).deadline <= now) late++;
    for (const submission of this.#queue.splice(0, late)) {
      this.#queueEvents -= submission.records.length;
      this.#queueBytes -= submission.bytes;
      this.#settleLate(submission);
    }
    for (const group of this.#inFlight) {
      for (const submission of group.submissions) {
        if (submission.deadline <= now) this.#settleLate(submission);
      }
    }
    if (this.#queue.length === 0 && this.#inFlight.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  #settleLate(submission: Submission): void {
    this.#settle(submission, new Array<Outcome>(submission.records.length).fill("retry"));
  }

  #settle(submission: Submission, outcomes: readonly Outcome[]): void {
    if (submission.resolve === undefined) return;
    submission.resolve(outcomes);
    submission.resolve = undefined;
    this.#unanswered--;
    if (this.#unanswered > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

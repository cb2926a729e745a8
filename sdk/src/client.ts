import type { EventResult } from "@weir/protocol";
import { type Compress, findCompression } from "./compress.ts";
import { Outbox } from "./outbox.ts";
import { isOnline, listen } from "./platform.ts";
import type { Entry } from "./queue.ts";
import { retryDelay } from "./retry.ts";
import {
  type Callbacks,
  contract,
  keepaliveBytes,
  readCallbacks,
  readSettings,
  type Settings,
} from "./settings.ts";
import { type Effect, type Signal, type State, table } from "./states.ts";
import { type Outcome, sendBatch } from "./transport.ts";
import {
  type Client,
  type ClientEvent,
  type ClientOptions,
  type ClientStats,
  RefusedError,
} from "./types.ts";

/**
 * A client with one server and one key. Nothing is sent before the first event. Events are sent in
 * order, one request at a time. Throws for invalid options.
 */
export function createClient(options: ClientOptions): Client {
  return new BatchingClient(options);
}

/** Turns what happens into signals of the state table, and runs the effects of the table. */
class BatchingClient implements Client {
  readonly #options: ClientOptions;
  readonly #settings: Settings;
  readonly #callbacks: Callbacks;
  readonly #outbox: Outbox;
  readonly #compress: Compress | undefined;
  readonly #stopListening: () => void;
  readonly #loaded: Promise<void>;

  #state: State = "idle";
  #key: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();
  #accepting = true;
  #exiting = false;
  #closing: Promise<void> | undefined;
  #refusal: RefusedError | undefined;
  #failures = 0;
  #lastFailure: Outcome & { kind: "retry" } = { kind: "retry", cause: "" };
  /** Smaller than configured after a 413; grows back slowly. */
  #batchBytes: number;
  #requests = 0;
  #retries = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#settings = readSettings(options);
    this.#callbacks = readCallbacks(options);
    this.#outbox = new Outbox(this.#settings, this.#callbacks, options.store);
    this.#batchBytes = this.#settings.batch.bytes;
    this.#compress = options.gzip === false ? undefined : findCompression();
    this.#key = options.key;
    this.#stopListening = listen({
      ...(options.flushOnExit === false
        ? {}
        : { beforeExit: () => void this.#exit(), leave: () => void this.#leave() }),
      network: (online) => this.#dispatch(online ? "went_online" : "went_offline"),
    });
    this.#loaded = this.#load();
  }

  track(event: ClientEvent): string {
    return this.#add(event, undefined);
  }

  send(event: ClientEvent): Promise<EventResult> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => {
      this.#add(event, { resolve, reject });
    });
  }

  ready(): Promise<void> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return this.#outbox.hasRoom ? Promise.resolve() : this.#outbox.waiters.ready();
  }

  async flush({ timeoutMs = 10_000 } = {}): Promise<{ readonly pending: number }> {
    const { queue, waiters, newest } = this.#outbox;
    await this.#loaded;
    if (queue.countUpTo(newest) === 0) return { pending: 0 };
    if (this.#refusal !== undefined) throw this.#refusal;
    const flushed = waiters.flushed(newest, timeoutMs);
    this.#dispatch("flush");
    await flushed;
    return { pending: queue.countUpTo(newest) };
  }

  setKey(key: string): void {
    this.#key = key;
    this.#refusal = undefined;
    this.#dispatch("key_changed");
  }

  close({ timeoutMs = 5_000 } = {}): Promise<void> {
    this.#accepting = false;
    this.#closing ??= this.flush({ timeoutMs })
      .catch(() => undefined) // the refusal was reported; the remaining events are reported now
      .then(() => this.#dispatch("close"));
    return this.#closing;
  }

  stats(): ClientStats {
    const { queue, verdicts, dropped } = this.#outbox;
    const { retry: _, ...counts } = verdicts;
    return {
      state: this.#state,
      queued: queue.length,
      queuedBytes: queue.bytes,
      requests: this.#requests,
      retries: this.#retries,
      ...counts,
      dropped,
    };
  }

  #add(event: ClientEvent, settle: Entry["settle"] | undefined): string {
    const now = this.#now();
    const { event_id, queued } = this.#outbox.add(event, {
      now,
      accepting: this.#accepting,
      settle,
    });
    if (queued) this.#dispatch(this.#isFull() ? "full" : "enqueued");
    return event_id;
  }

  #isFull(): boolean {
    return this.#outbox.queue.fills(this.#settings.batch.events, this.#batchBytes);
  }

  #dispatch(signal: Signal): void {
    const [next, effect] = table[this.#state][signal];
    this.#state = next;
    this.#perform(effect);
  }

  #perform(effect: Effect): void {
    if (effect === "none") return;
    clearTimeout(this.#timer);
    if (effect === "arm") this.#startTimer(this.#settings.batch.delayMs);
    else if (effect === "send") void this.#sendNext();
    else if (effect === "back_off") this.#backOff();
    else if (effect === "halt") this.#halt();
    else if (effect === "finish") this.#finish();
    else effect satisfies "disarm";
  }

  #startTimer(delayMs: number): ReturnType<typeof setTimeout> {
    this.#timer = setTimeout(() => this.#dispatch("due"), delayMs);
    return this.#timer;
  }

  async #sendNext(): Promise<void> {
    const { queue } = this.#outbox;
    const batch = queue.hold(this.#settings.batch.events, this.#batchBytes);
    if (batch.length === 0) {
      this.#dispatch("settled_empty");
      return;
    }
    const outcome = await this.#request(batch, { keepalive: false });
    if (this.#state === "closed") return;
    queue.release();
    this.#dispatch(this.#judge(batch, outcome));
  }

  #request(batch: readonly Entry[], { keepalive }: { keepalive: boolean }): Promise<Outcome> {
    this.#requests++;
    for (const entry of batch) entry.attempts++;
    return sendBatch({
      url: this.#settings.endpoint,
      key: this.#key,
      events: batch.map((entry) => entry.json),
      timeoutMs: this.#settings.requestTimeoutMs,
      compress: keepalive ? undefined : this.#compress,
      keepalive,
      signal: this.#abort.signal,
      fetch: this.#options.fetch ?? globalThis.fetch,
      now: () => this.#now(),
    });
  }

  /** Applies an outcome to the events sent; returns the signal for the state table. */
  #judge(batch: readonly Entry[], outcome: Outcome): Signal {
    switch (outcome.kind) {
      case "answered": {
        const left = this.#outbox.settle(batch, outcome.results);
        const { bytes } = this.#settings.batch;
        this.#batchBytes = Math.min(bytes, Math.ceil(this.#batchBytes * 1.1));
        if (left === 0) {
          this.#failures = 0;
          return this.#next();
        }
        return this.#failed(batch, { kind: "retry", cause: `${left} events were answered retry` });
      }
      case "retry":
        return this.#failed(batch, outcome);
      case "too_large":
        this.#shrink(batch, outcome.detail);
        return "settled_ready";
      case "wrong":
        this.#outbox.discard(batch, "request_rejected", outcome.detail);
        return this.#next();
      case "refused":
        this.#refusal = new RefusedError(outcome.status, outcome.problem, this.#options.url);
        return "rejected_key";
    }
  }

  #next(): Signal {
    if (this.#outbox.queue.length === 0) return "settled_empty";
    return this.#outbox.waiters.flushing || this.#isFull() ? "settled_ready" : "settled_some";
  }

  #failed(batch: readonly Entry[], failure: Outcome & { kind: "retry" }): Signal {
    const { maxAttempts } = this.#settings.retry;
    const spent = batch.filter((entry) => entry.attempts >= maxAttempts);
    const detail = `${maxAttempts} attempts, the last: ${failure.cause}`;
    this.#outbox.discard(spent, "attempts", detail);
    this.#failures++;
    this.#lastFailure = failure;
    return "failed";
  }

  /** 413: halves the batch until the event that is too large is alone, and drops it. */
  #shrink(batch: readonly Entry[], detail: string): void {
    if (batch.length === 1) {
      this.#outbox.discard(batch, "too_large", detail);
      this.#batchBytes = this.#settings.batch.bytes;
    } else {
      this.#batchBytes = Math.floor(batch.reduce((sum, { bytes }) => sum + bytes, 0) / 2);
    }
  }

  #backOff(): void {
    const { cause, retryAfterMs } = this.#lastFailure;
    const failures = this.#failures;
    const random = (this.#options.random ?? Math.random)();
    const delayMs = retryDelay(this.#settings.retry, { failures, random, retryAfterMs });
    const timer = this.#startTimer(delayMs) as { unref?: () => void };
    // a server that is down must not keep a process alive, unless a caller awaits a verdict; flushes
    // and the exit hook have their own time limit
    if (this.#outbox.queue.awaited().length === 0) timer.unref?.();
    this.#retries++;
    this.#callbacks.onRetry({ failures, delayMs, cause });
    if (!isOnline()) this.#dispatch("went_offline");
  }

  #halt(): void {
    if (this.#refusal === undefined) return;
    this.#callbacks.onRefused(this.#refusal);
    this.#outbox.fail(this.#refusal);
  }

  #finish(): void {
    this.#abort.abort();
    this.#stopListening();
    this.#outbox.abandon("closed", "the client was closed before it could be sent");
    this.#outbox.waiters.fail(new Error("The client is closed"));
  }

  async #exit(): Promise<void> {
    if (this.#exiting || this.#outbox.queue.length === 0) return;
    this.#exiting = true;
    await this.flush({ timeoutMs: this.#settings.exitTimeoutMs }).catch(() => undefined);
    this.#outbox.abandon("exit", "the process ended before it could be sent");
    // a running request would hold the process until its own time limit
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#exiting = false;
  }

  /** The page is being closed: one uncompressed request that outlives it. Verdicts count if it stays. */
  async #leave(): Promise<void> {
    if (this.#refusal !== undefined || this.#state === "closed") return;
    const batch = this.#outbox.queue.peek(contract.batchEvents, keepaliveBytes);
    const [first] = batch;
    if (first === undefined || first.bytes > keepaliveBytes) return;
    const outcome = await this.#request(batch, { keepalive: true });
    if (outcome.kind === "answered") this.#outbox.settle(batch, outcome.results);
  }

  async #load(): Promise<void> {
    const count = await this.#outbox.load();
    if (count > 0) this.#dispatch(this.#isFull() ? "full" : "enqueued");
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

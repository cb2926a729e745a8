import type { EventResult, Problem, WeirEvent } from "@weir/protocol";
import type { RetryPolicy } from "./retry.ts";
import type { State } from "./states.ts";

/** An event for the client: `timestamp` may be a `Date`; absent means now. */
export type ClientEvent = Omit<WeirEvent, "timestamp"> & {
  readonly timestamp?: string | Date | null;
};

/** An unsent event, as a store keeps it. `json` is what will be sent. */
export interface StoredEvent {
  readonly event_id: string;
  readonly json: string;
}

/**
 * Optional: keeps unsent events across restarts. `load` is called once; its events are sent first. They
 * keep their ids, so an event that did arrive is answered `duplicate`.
 */
export interface EventStore {
  load(): Promise<readonly StoredEvent[]>;
  put(event: StoredEvent): void | Promise<void>;
  remove(eventIds: readonly string[]): void | Promise<void>;
}

export type DropReason =
  /** The queue was full; `queue.whenFull` decides which event is dropped. */
  | "queue_full"
  /** Larger than an event may be, or than the server accepts (413). */
  | "too_large"
  /** It cannot be encoded as JSON. */
  | "not_serialisable"
  /** The server refused the request (400, 415, 422) without a verdict per event. */
  | "request_rejected"
  /** `retry.maxAttempts` was reached. */
  | "attempts"
  /** The client was closed before it could be sent, or track() was called afterwards. */
  | "closed"
  /** The process ended before it could be sent. */
  | "exit";

/** An event that the client dropped. Every drop is reported. */
export interface Drop {
  readonly event_id: string | null;
  readonly event_type: string;
  readonly reason: DropReason;
  readonly detail: string;
}

export interface RetryNotice {
  /** Number of consecutive failures. */
  readonly failures: number;
  readonly delayMs: number;
  /** What happened, for a log line. */
  readonly cause: string;
}

export interface ClientOptions {
  /** The origin of the server, e.g. `https://events.example.com`; a path before `/api` is kept. */
  readonly url: string;
  /** An API key of a service. */
  readonly key: string;
  /** A batch is sent at this number of events (500), bytes (512 KiB) or age (250 ms). */
  readonly batch?: { readonly events?: number; readonly bytes?: number; readonly delayMs?: number };
  /** Limits of the queue: events (10,000), bytes (16 MiB), and what to drop when full (`drop_newest`). */
  readonly queue?: {
    readonly events?: number;
    readonly bytes?: number;
    readonly whenFull?: "drop_newest" | "drop_oldest";
  };
  /** Default: 250 ms, doubling to 30 s, without a limit of attempts. */
  readonly retry?: Partial<RetryPolicy>;
  /** Time limit of a request, answer included: 10 s. */
  readonly requestTimeoutMs?: number;
  /** Compress bodies of 1 KiB or more if the platform can: true. */
  readonly gzip?: boolean;
  /** Send the queue when the process ends or the page is closed: true. */
  readonly flushOnExit?: boolean;
  /** Maximum delay of the end of a Node process for that: 2 s. */
  readonly exitTimeoutMs?: number;
  readonly store?: EventStore;

  /** The verdict of each event. Without it, `rejected` and `conflict` are console warnings. */
  readonly onVerdict?: (result: EventResult) => void;
  /** Each dropped event. Without it, drops are console warnings. */
  readonly onDrop?: (drop: Drop) => void;
  /** The client has stopped: the key or the URL is wrong. Without it: `console.error`. */
  readonly onRefused?: (error: RefusedError) => void;
  readonly onRetry?: (notice: RetryNotice) => void;
  /** The store failed; the client continues. Without it: `console.warn`. */
  readonly onStoreError?: (error: unknown) => void;

  /** For tests and unusual platforms. */
  readonly fetch?: typeof globalThis.fetch;
  readonly random?: () => number;
  readonly now?: () => number;
}

export interface ClientStats {
  readonly state: State;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly requests: number;
  readonly retries: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: number;
  readonly dropped: number;
}

export interface Client {
  /** Queues an event and returns its id. Never throws and never waits. */
  track(event: ClientEvent): string;
  /**
   * Queues an event and resolves with its verdict. Rejects with `DroppedError` if it is dropped and with
   * `RefusedError` if the server refuses the key.
   */
  send(event: ClientEvent): Promise<EventResult>;
  /** Resolves when the queue has room: back-pressure for a producer faster than the server. */
  ready(): Promise<void>;
  /**
   * Sends the queue; resolves when every event in it has a verdict or was dropped, or when the time limit
   * (10 s) has passed: `pending` is the number of events that remain. Rejects with `RefusedError`.
   */
  flush(options?: { readonly timeoutMs?: number }): Promise<{ readonly pending: number }>;
  /** Continues with another key, also after a refusal. */
  setKey(key: string): void;
  /** Accepts no more events, flushes (5 s), drops and reports the rest (a store keeps it). Idempotent. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  stats(): ClientStats;
}

/** The server refuses this client: nothing is sent until `setKey`. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>, url: string) {
    const said = problem.detail ?? problem.title ?? `status ${status}`;
    const missing = problem.permission === undefined ? "" : ` (permission ${problem.permission})`;
    super(`Weir at ${url} refuses this client: ${said}${missing}`);
    this.status = status;
    this.problem = problem;
  }
}

export class DroppedError extends Error {
  override readonly name = "DroppedError";
  readonly drop: Drop;

  constructor(drop: Drop) {
    super(`The event was dropped (${drop.reason}): ${drop.detail}`);
    this.drop = drop;
  }
}

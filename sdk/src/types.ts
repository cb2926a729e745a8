import type { EventResult, Problem, WeirEvent } from "@weir/protocol";
import type { RetryPolicy } from "./retry.ts";
import type { State } from "./states.ts";

/** An event as it is handed to the client: a `Date` is fine, and absent means now. */
export type ClientEvent = Omit<WeirEvent, "timestamp"> & {
  readonly timestamp?: string | Date | null;
};

/** An event that waits in the client, as a store keeps it. `json` is what will be sent. */
export interface StoredEvent {
  readonly event_id: string;
  readonly json: string;
}

/**
 * Optional: keeps unsent events over restarts. `load` is called once; events that it gives are sent
 * first. Their ids are kept, so an event that had arrived after all is answered `duplicate`.
 */
export interface EventStore {
  load(): Promise<readonly StoredEvent[]>;
  put(event: StoredEvent): void | Promise<void>;
  remove(eventIds: readonly string[]): void | Promise<void>;
}

export type DropReason =
  /** The queue was full; which event goes is `queue.whenFull`. */
  | "queue_full"
  /** Larger than one event may be, or than the server takes (413). */
  | "too_large"
  /** It cannot be written as JSON. */
  | "not_serialisable"
  /** The server said that the request is wrong (400, 415, 422) without a verdict for each event. */
  | "request_rejected"
  /** `retry.maxAttempts` were made. */
  | "attempts"
  /** The client was closed before it could be sent, or track() was called afterwards. */
  | "closed"
  /** The process ended before it could be sent. */
  | "exit";

/** An event that the client gave up. It is never given up without this being reported. */
export interface Drop {
  readonly event_id: string | null;
  readonly event_type: string;
  readonly reason: DropReason;
  readonly detail: string;
}

export interface RetryNotice {
  /** How often in a row it has failed. */
  readonly failures: number;
  readonly delayMs: number;
  /** What happened, for a log line. */
  readonly cause: string;
}

export interface ClientOptions {
  /** The origin of Weir, e.g. `https://events.example.com`; a path before `/api` is kept. */
  readonly url: string;
  /** An API key of a service. */
  readonly key: string;
  /** A batch is sent when it has so many events (500), so many bytes (512 KiB) or is so old (250 ms). */
  readonly batch?: { readonly events?: number; readonly bytes?: number; readonly delayMs?: number };
  /** What may wait: events (10,000) and bytes (16 MiB), and who goes when it is full (`drop_newest`). */
  readonly queue?: {
    readonly events?: number;
    readonly bytes?: number;
    readonly whenFull?: "drop_newest" | "drop_oldest";
  };
  /** 250 ms doubling to 30 s, without end. */
  readonly retry?: Partial<RetryPolicy>;
  /** For one request, answer included: 10 s. */
  readonly requestTimeoutMs?: number;
  /** Compress bodies from 1 KiB on where the platform can: true. */
  readonly gzip?: boolean;
  /** Send what is queued when the process ends or the page goes away: true. */
  readonly flushOnExit?: boolean;
  /** How long the end of a Node process may be delayed by that: 2 s. */
  readonly exitTimeoutMs?: number;
  readonly store?: EventStore;

  /** The verdict of each event. Without it, `rejected` and `conflict` are warned about on the console. */
  readonly onVerdict?: (result: EventResult) => void;
  /** Each event given up. Without it they are warned about on the console. */
  readonly onDrop?: (drop: Drop) => void;
  /** The client has stopped: the key or the address is wrong. Without it: `console.error`. */
  readonly onRefused?: (error: RefusedError) => void;
  readonly onRetry?: (notice: RetryNotice) => void;
  /** A store that failed. Sending goes on. Without it: `console.warn`. */
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
   * Queues an event and resolves with its verdict. Rejects with `DroppedError` when it is given up
   * and with `RefusedError` when the server refuses the key.
   */
  send(event: ClientEvent): Promise<EventResult>;
  /** Resolves when the queue has room: back-pressure for a producer faster than the server. */
  ready(): Promise<void>;
  /**
   * Sends what is queued now; resolves when all of it has a verdict or was dropped, or when the time
   * (10 s) has passed: `pending` says how many still wait. Rejects with `RefusedError`.
   */
  flush(options?: { readonly timeoutMs?: number }): Promise<{ readonly pending: number }>;
  /** Goes on with another key, also after a refusal. */
  setKey(key: string): void;
  /** Takes no more events, flushes (5 s), drops and reports the rest (a store keeps it). Idempotent. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  stats(): ClientStats;
}

/** The server will not take events from this client: nothing is sent until `setKey`. */
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

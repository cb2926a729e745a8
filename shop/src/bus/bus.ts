/** What services need of a message bus. Drivers: `postgres/`, `rabbitmq/`; both pass `conformance.ts`. */
import type { CloudEvent } from "./cloud-event.ts";

export interface Bus {
  /**
   * Resolves when the bus has confirmed ALL messages. Rejects with a BusError when it has not within the
   * time limit, or when a message reaches no queue; some may have been published then, so publish the same
   * messages again: receivers recognise their ids.
   */
  publish(messages: readonly CloudEvent[]): Promise<void>;
  consume(options: ConsumeOptions): Consumer;
  /** Of a queue that this or another process consumes. */
  deadLetters(queue: string): DeadLetters;
  /** Never rejects. */
  health(): Promise<BusHealth>;
  /** Drains the consumers and ends the connections; bounded. */
  close(): Promise<void>;
}

export interface ConsumeOptions {
  /** Lower case letters, digits, `.`, `_`, `-`; consumers of the same queue share its messages. */
  readonly queue: string;
  /** The queue gets the messages of these types. */
  readonly types: readonly string[];
  /** How many messages are handled at the same time. */
  readonly prefetch: number;
  /** How often a message is handled before it becomes a dead letter; a consumer that dies with it counts. */
  readonly deliveryLimit: number;
  /** The delay before each further delivery; the last one repeats. */
  readonly retryDelaysMs: readonly number[];
  /**
   * Handles one message; the bus delivers at least once, in no strict order. Resolving acknowledges it; an
   * UnprocessableMessage makes it a dead letter at once; any other rejection delivers it again later. The
   * signal aborts when the result no longer counts: the lease is lost, or the time to drain is over.
   */
  handle(message: CloudEvent, signal: AbortSignal): Promise<void>;
  /**
   * The queue is not there: this is its first start, or it was deleted, and messages with it. Called before it
   * is declared, and again until it resolves, so that the receiver can note that it must catch up.
   */
  missing?(): Promise<void>;
  /** Errors that the consumer recovers from by itself, for the log. */
  onError?(error: Error): void;
}

export interface Consumer {
  /** `consuming` when the queue is declared and messages arrive. */
  readonly state: "connecting" | "consuming" | "closed";
  /** Takes no more messages, lets the handlers end (up to the drain time), returns the rest to the queue. */
  close(): Promise<void>;
}

export interface DeadLetter {
  /** The id of the message. */
  readonly id: string;
  /** As it was published; text that is no CloudEvent included. */
  readonly body: string;
  readonly reason: string;
  readonly deliveries: number;
  /** RFC 3339; absent where the broker does not say. */
  readonly failedAt?: string;
}

export interface DeadLetters {
  /** Oldest first; default 100. */
  list(limit?: number): Promise<readonly DeadLetter[]>;
  /** Back to its queue, with all deliveries; false when there is none with this id. */
  replay(id: string): Promise<boolean>;
  discard(id: string): Promise<boolean>;
}

export interface BusHealth {
  readonly driver: "postgres" | "rabbitmq";
  readonly ok: boolean;
  /** Why not. */
  readonly reason?: string;
}

/** `timed_out` and `blocked` pass by themselves; `unroutable` when the receiver has declared its queue. */
type BusErrorCode = "unavailable" | "timed_out" | "blocked" | "unroutable" | "closed";

export class BusError extends Error {
  override readonly name = "BusError";
  readonly code: BusErrorCode;

  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Thrown by a handler for a message that no retry can help. */
export class UnprocessableMessage extends Error {
  override readonly name = "UnprocessableMessage";
}

/** The delay before delivery `deliveries + 1`. */
export function retryDelay(delays: readonly number[], deliveries: number): number {
  return delays[Math.min(deliveries, delays.length) - 1] ?? 0;
}

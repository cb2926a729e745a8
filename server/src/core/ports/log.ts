/** The raw log as other parts read it; `parts/log/` implements these ports. */
import type { LoggedEvent } from "../event/event-message.ts";
import type { Format } from "../event/record.ts";
import type { Queryable, QueryOptions } from "./database.ts";

/** An accepted event as it is kept. */
export interface StoredEvent {
  readonly serviceId: number;
  readonly eventId: string;
  /** As PostgreSQL writes it, to the microsecond: needed to find the event again. */
  readonly receivedAt: string;
  /** Milliseconds since 1970. */
  readonly receivedAtMs: number;
  readonly format: Format;
  /** Milliseconds since 1970. */
  readonly occurredAt: number;
  readonly eventType: string;
  /** As `etl.event_type_actions`: 1 view, 2 cart, 3 purchase, 4 refund, 5 search, 0 other. */
  readonly action: number;
  readonly userKey: string | null;
  readonly productKey: string | null;
  readonly items: readonly { readonly id?: unknown }[] | null;
  readonly payload: string;
}

/** Identifies an event in the raw log. */
export type EventName = Pick<StoredEvent, "serviceId" | "eventId" | "receivedAt">;

/** The events between two positions of the log. */
export interface LogRange {
  /** A `pg_snapshot` as text, like `to`. */
  readonly from: string;
  readonly to: string;
  /** No event of the range was received earlier; as PostgreSQL writes it. For partition pruning. */
  readonly since: string;
  readonly events: number;
}

/** A range that one worker has claimed. */
export interface LogPage extends LogRange {
  readonly id: string;
  /** Grows with each takeover. */
  readonly epoch: number;
  /** From the receipt of its oldest event to the claim, by PostgreSQL's clock; 0 after that has stepped back. */
  readonly ageMs: number;
}

/** One log reader whose workers, in any number of processes, share its pages. */
export interface PageReader {
  /** Registers the reader if it is not registered; call it before anything else. */
  register(): Promise<void>;
  /** A page whose owner sent no heartbeat for `patienceMs`, else the next events; undefined at the log's end. */
  claim(options: {
    readonly owner: string;
    readonly maxEvents: number;
    readonly patienceMs: number;
  }): Promise<LogPage | undefined>;
  /** Heartbeat; false when another worker has taken the page over, or it is finished. */
  keep(page: LogPage): Promise<boolean>;
  /** Part of the transaction that writes the page's effects; false when another worker has taken it over: roll back. */
  finish(connection: Queryable, page: LogPage): Promise<boolean>;
  /** In chunks, so that a page of large events fits in memory. `about: "products"` leaves events without one out. */
  read(
    page: LogRange,
    options: { readonly about: "all" | "products"; readonly signal: AbortSignal },
  ): AsyncIterable<readonly StoredEvent[]>;
  /** Undefined when the event is no longer in the log. */
  find(connection: Queryable, name: EventName): Promise<StoredEvent | undefined>;
}

/** What `advance` needs besides the range: see log.next_page. */
export interface NextRange extends LogRange {
  readonly nextSince: string;
  readonly nextReadAt: string;
  /** The limit was reached: more may wait. */
  readonly more: boolean;
  /** The server's, in which the range was read; see log.incarnation. */
  readonly incarnation: string;
}

/** One log reader that works alone: it reads the next range, and moves its position when it is done with it. */
export interface RangeReader {
  register(from?: "oldest" | "now"): Promise<void>;
  /**
   * The range after the reader's position, or after `after`, for a reader that reads ahead. May hold no event. Rejects with
   * `DatabaseError` code WF002 when the reader is not registered.
   */
  next(maxEvents: number, after?: NextRange): Promise<NextRange>;
  read(
    range: LogRange,
    options: { readonly about: "all" | "products"; readonly signal: AbortSignal },
  ): AsyncIterable<readonly StoredEvent[]>;
  /** Everything about the events, in the order of the log, in chunks. */
  readLogged(
    range: NextRange,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<readonly LoggedEvent[]>;
  /**
   * Part of the transaction that writes what was made of the range; false when another process with this
   * reader's name has moved it meanwhile, or PostgreSQL has crashed: roll back, and read the next range.
   */
  advance(connection: Queryable, range: NextRange): Promise<boolean>;
}

/** A range of one pass. */
export interface ScanRange extends LogRange {
  /** The server's incarnation; see log.incarnation. */
  readonly incarnation: string;
}

/** One pass over the log from its start, without registration. Rejects once PostgreSQL has crashed: begin again. */
export interface LogScan {
  /** The next events in the order of their transactions, whole transactions at a time; undefined at the log's end. */
  next(
    after: ScanRange | undefined,
    options: {
      /** Events received earlier are left out. */
      readonly receivedFrom: Date;
      readonly maxEvents: number;
    },
  ): Promise<{ readonly range: ScanRange; readonly events: readonly StoredEvent[] } | undefined>;
  /** The events of a range that are still in the log. */
  names(
    connection: Queryable,
    range: ScanRange,
  ): Promise<readonly Pick<EventName, "serviceId" | "eventId">[]>;
}

/** How far a reader is behind, from what it has yet to process; clocks have no part in it. */
export interface Lag {
  /** Committed events that the reader has not processed: unread, or in a claimed page. */
  readonly events: number;
  /** `events` is where the count ended: there are more. */
  readonly more: boolean;
  /** Since the oldest of them was received, in seconds; 0 when there is none. */
  readonly seconds: number;
}

/** As of the connection's snapshot; undefined when no reader has that name. */
export type ReadLag = (
  database: Queryable,
  reader: string,
  options?: QueryOptions & { readonly atMost?: number },
) => Promise<Lag | undefined>;

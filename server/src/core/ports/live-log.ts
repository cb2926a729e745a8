/** The raw log as live feeds read it; `parts/log/` implements it. */
import type { Position } from "../position.ts";
import type { QueryOptions } from "./database.ts";

/** The place of an event in the order of the log. */
export interface EventPlace {
  readonly xid: bigint;
  /** Canonical UUID. */
  readonly eventId: string;
  readonly serviceId: number;
}

/** An accepted event for a live feed. */
export interface LiveEvent extends EventPlace {
  /** The id as sent, if it is not a UUID. */
  readonly eventRef: string | null;
  readonly eventType: string;
  /** Name of the service that sent it. */
  readonly source: string;
  readonly format: string;
  /** RFC 3339 in UTC, to the microsecond. */
  readonly receivedAt: string;
  readonly occurredAt: string;
  readonly userKey: string | null;
  readonly productKey: string | null;
  /** JSON text, as it was sent. */
  readonly payload: string;
}

/**
 * An instant of the log. A position is valid in the server's incarnation in which it was read: a crash gives the
 * ids of transactions that were lost to others. In a later incarnation it is valid if it was settled and has
 * survived (see `LiveLog.survived`).
 */
export interface LogInstant {
  /** When it was read, in milliseconds of trusted time. */
  readonly at: number;
  /** The server's; see log.incarnation. */
  readonly incarnation: string;
  /**
   * Byte of the write-ahead log; a position read at this instant is settled once the log is on disk up to here.
   */
  readonly written: bigint;
  /** Up to where the write-ahead log is on disk. */
  readonly flushed: bigint;
}

/** Events visible in `to` and not in `from`; after `after` if part of them has been delivered. */
export interface LiveRange {
  readonly from: Position;
  /** When `from` was taken, in milliseconds. */
  readonly at: number;
  /** Absent: now. */
  readonly to?: Position | undefined;
  readonly after?: EventPlace | undefined;
}

export interface LiveEvents extends LogInstant {
  /** `to` of the range, or the position that this read has taken. */
  readonly to: Position;
  /** In the order of (xid, event id, service id). */
  readonly events: readonly LiveEvent[];
  /** The limit was reached: the range may hold more. */
  readonly more: boolean;
}

export interface LiveLog {
  /** The current position, settled: before everything that is committed later. */
  now(options: QueryOptions): Promise<LogInstant & { readonly position: Position }>;
  /** Whether a position of another incarnation that was settled at this byte is valid in the current one. */
  survived(incarnation: string, settled: bigint, options: QueryOptions): Promise<boolean>;
  /** Check `incarnation` of the answer: in another one than that of the range, its events mean nothing. */
  read(range: LiveRange, options: QueryOptions & { readonly limit: number }): Promise<LiveEvents>;
  /** Events of the range, without those of a range within it that were delivered up to `done.after`. */
  count(
    range: Pick<LiveRange, "from" | "at" | "to"> & {
      readonly done?: { readonly to: Position; readonly after: EventPlace } | undefined;
    },
    options: QueryOptions & { readonly atMost: number },
  ): Promise<number>;
}

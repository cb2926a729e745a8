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

/** Events visible in `to` and not in `from`; after `after` if part of them has been delivered. */
export interface LiveRange {
  readonly from: Position;
  /** When `from` was taken, in milliseconds. */
  readonly at: number;
  /** Absent: now. */
  readonly to?: Position | undefined;
  readonly after?: EventPlace | undefined;
}

export interface LiveEvents {
  /** `to` of the range, or the position that this read has taken. */
  readonly to: Position;
  /** When this read took place, in milliseconds by PostgreSQL's clock. */
  readonly at: number;
  /** In the order of (xid, event id, service id). */
  readonly events: readonly LiveEvent[];
  /** The limit was reached: the range may hold more. */
  readonly more: boolean;
}

export interface LiveLog {
  /** The current position: before everything that is committed later. */
  now(options: QueryOptions): Promise<{ readonly at: number; readonly position: Position }>;
  read(range: LiveRange, options: QueryOptions & { readonly limit: number }): Promise<LiveEvents>;
  /** Events of the range, without those of a range within it that were delivered up to `done.after`. */
  count(
    range: Pick<LiveRange, "from" | "at" | "to"> & {
      readonly done?: { readonly to: Position; readonly after: EventPlace } | undefined;
    },
    options: QueryOptions & { readonly atMost: number },
  ): Promise<number>;
}

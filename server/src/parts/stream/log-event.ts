import type { Format } from "../../core/event/record.ts";

/** An event of the raw log as the steps take it. */
export interface LogEvent {
  readonly serviceId: number;
  readonly eventId: string;
  /** As PostgreSQL writes it, to the microsecond: it finds the event again. */
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

/** What names an event for people and for dead letters. */
export type EventName = Pick<LogEvent, "serviceId" | "eventId" | "receivedAt">;

export const actionCodes = { view: 1, cart: 2, purchase: 3 } as const;

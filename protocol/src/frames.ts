/**
 * Frames of the live feed `/ws/events`. Every frame is one JSON text message.
 *
 * The client sends `subscribe` to replace its filter. To pause, it closes the socket and reconnects
 * with its cursor. The server sends `hello`, `event`, `heartbeat`, `gap`, `subscribed` once a filter
 * is in effect, and `bye` before it closes. Cursors are opaque: reconnect with the last one as
 * `?cursor=` to continue without gaps, and without repeats unless PostgreSQL crashed in between.
 */
import {
  array,
  type Infer,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  string,
  unknown,
} from "./schema.ts";

export const filterSchema = object({
  event_type: optional(array(string(), { maxItems: 50 })),
  source: optional(array(string(), { maxItems: 50 })),
  user_id: optional(string()),
  product_id: optional(string()),
});
export type LiveFilter = Infer<typeof filterSchema>;

export interface ClientFrame {
  readonly type: "subscribe";
  readonly filter: LiveFilter;
}

/** A raw event as the live feed, the event list and a user's timeline show it. */
export const rawEventSchema = object(
  {
    event_id: string(),
    event_type: string(),
    source: string(),
    format: oneOf(["native", "segment", "cloudevents"]),
    received_at: string({ format: "date-time" }),
    occurred_at: string({ format: "date-time" }),
    user_id: nullable(string()),
    product_id: nullable(string()),
    payload: unknown({
      description: "The event as sent, parsed. For its bytes, GET /api/events/{id}/raw.",
    }),
  },
  { $id: "RawEvent" },
);
export interface RawEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly source: string;
  readonly format: "native" | "segment" | "cloudevents";
  readonly received_at: string;
  readonly occurred_at: string;
  readonly user_id: string | null;
  readonly product_id: string | null;
  readonly payload: unknown;
}

export type ServerFrame =
  | { readonly type: "hello"; readonly cursor: string; readonly heartbeat_s: number }
  | { readonly type: "event"; readonly cursor: string; readonly event: RawEvent }
  /**
   * The feed cannot replay the events between the client's cursor, or the last event, and `cursor`: they are too
   * old or too many, or PostgreSQL was replaced by one that may lack some. `reason` is for people.
   */
  | { readonly type: "gap"; readonly cursor: string; readonly reason: string }
  | { readonly type: "heartbeat"; readonly cursor: string; readonly at: string }
  /** The filter of a `subscribe` is in effect for all events stored from here on; one per `subscribe`. */
  | { readonly type: "subscribed" }
  | { readonly type: "bye"; readonly code: CloseReason; readonly detail: string };

export const closeReasons = {
  slow_reader: 4408,
  key_revoked: 4401,
  forbidden: 4403,
  bad_frame: 4400,
  going_away: 1001,
} as const;
export type CloseReason = keyof typeof closeReasons;

export const liveFeed = {
  path: "/ws/events",
  heartbeatSeconds: 15,
  backlogBytes: 1024 * 1024,
  maxFrameBytes: 16 * 1024,
} as const;

export const cursorSchema = string({ maxLength: 4096 });
export const pageLimitSchema = integer({ minimum: 1, maximum: 1000, default: 100 });

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
  number,
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
export type RawEvent = Infer<typeof rawEventSchema>;

export const closeReasons = {
  slow_reader: 4408,
  key_revoked: 4401,
  forbidden: 4403,
  bad_frame: 4400,
  going_away: 1001,
} as const;
export type CloseReason = keyof typeof closeReasons;

/** What a client sends. */
export const clientFrames = {
  subscribe: object(
    { type: oneOf(["subscribe"]), filter: filterSchema },
    {
      description: "Replaces the filter.",
      examples: [{ type: "subscribe", filter: { event_type: ["purchase"] } }],
    },
  ),
} as const;
export type ClientFrame = Infer<(typeof clientFrames)[keyof typeof clientFrames]>;

const cursor = string({ description: "Opaque: reconnect with the last one as `?cursor=`." });
const exampleCursor = "eyJpIjoiNmYxZCJ9";
const exampleInstant = "2024-01-15T10:30:00.412345Z";

/** What the server sends. */
export const serverFrames = {
  hello: object(
    {
      type: oneOf(["hello"]),
      cursor,
      heartbeat_s: number({ description: "How often a heartbeat comes." }),
    },
    {
      description: "The feed is open.",
      examples: [{ type: "hello", cursor: exampleCursor, heartbeat_s: 15 }],
    },
  ),
  event: object(
    { type: oneOf(["event"]), cursor, event: rawEventSchema },
    {
      description: "One event, and the cursor behind it.",
      examples: [
        {
          type: "event",
          cursor: exampleCursor,
          event: {
            event_id: "order-1001",
            event_type: "purchase",
            source: "shop",
            format: "native",
            received_at: exampleInstant,
            occurred_at: "2024-01-15T10:30:00.000000Z",
            user_id: "user123",
            product_id: "lamp-1",
            payload: { event_id: "order-1001", event_type: "purchase", user_id: "user123" },
          },
        },
      ],
    },
  ),
  gap: object(
    {
      type: oneOf(["gap"]),
      cursor,
      reason: string({ description: "For people." }),
    },
    {
      description:
        "The feed cannot replay the events between the client's cursor, or the last event, and `cursor`: they are too old or too many, or PostgreSQL was replaced by one that may lack some.",
      examples: [
        { type: "gap", cursor: exampleCursor, reason: "the cursor is older than one hour" },
      ],
    },
  ),
  heartbeat: object(
    { type: oneOf(["heartbeat"]), cursor, at: string({ format: "date-time" }) },
    {
      description: "Nothing matched for a while; the cursor moves on too.",
      examples: [{ type: "heartbeat", cursor: exampleCursor, at: exampleInstant }],
    },
  ),
  subscribed: object(
    { type: oneOf(["subscribed"]) },
    {
      description:
        "The filter of a `subscribe` is in effect for all events stored from here on; one per `subscribe`.",
      examples: [{ type: "subscribed" }],
    },
  ),
  bye: object(
    {
      type: oneOf(["bye"]),
      code: oneOf(Object.keys(closeReasons) as CloseReason[]),
      detail: string(),
    },
    {
      description: "The server closes the socket.",
      examples: [{ type: "bye", code: "going_away", detail: "the server stops" }],
    },
  ),
} as const;
export type ServerFrame = Infer<(typeof serverFrames)[keyof typeof serverFrames]>;

export const liveFeed = {
  path: "/ws/events",
  heartbeatSeconds: 15,
  backlogBytes: 1024 * 1024,
  maxFrameBytes: 16 * 1024,
} as const;

export const cursorSchema = string({ maxLength: 4096 });
export const pageLimitSchema = integer({ minimum: 1, maximum: 1000, default: 100 });

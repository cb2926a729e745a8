/**
 * The Kafka topics: names, messages and headers. `docs/` shows the same as an AsyncAPI document.
 *
 * - `events`: every accepted event once or more, in the order of the log within a key. Weir writes it.
 * - `raw_data`: events from other systems, one a message. Weir reads it.
 * - `raw_data.dlq`, `events.dlq`: messages of these topics that could not be processed, with their
 *   original key, headers and bytes, and the reason as headers.
 *
 * Header values are UTF-8 text. Names here are the defaults; an installation may add a prefix.
 */
import { errorCodes } from "./errors.ts";
import { textPattern, uuidPattern } from "./patterns.ts";
import {
  array,
  type Infer,
  integer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  unknown,
} from "./schema.ts";

export const topics = {
  events: "events",
  rawData: "raw_data",
  rawDataDlq: "raw_data.dlq",
  eventsDlq: "events.dlq",
} as const;
export type Topic = (typeof topics)[keyof typeof topics];

/** How the bytes in `event` are to be read. */
export const eventFormats = ["native", "segment", "cloudevents"] as const;
export type EventFormat = (typeof eventFormats)[number];

/** What the messages of `events` are keyed by; an event without it has its identity `id` as key. */
export const eventKeys = ["user", "product"] as const;
export type EventKey = (typeof eventKeys)[number];

/** An instant in UTC with microseconds. */
const instant = (description: string) =>
  string({
    format: "date-time",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
    description,
  });

export const eventMessageItemSchema = object(
  {
    id: string({ minLength: 1 }),
    quantity: number(),
    amount: nullable(number({ description: "Price times quantity, an exact decimal." })),
  },
  { additionalProperties: true },
);

/**
 * What Weir derived from an event when it was accepted. All engines use these facts, so that none
 * derives its own.
 */
const facts = {
  version: integer({ const: 1, description: "A change that readers must know raises it." }),
  service: string({ minLength: 1, description: "The service that sent the event." }),
  service_id: integer({ minimum: 1, description: "Its number, which never changes." }),
  format: oneOf(eventFormats, { description: "How `event` is to be read." }),
  id: string({
    pattern: uuidPattern,
    description:
      "The identity, with service_id. A message can be delivered more than once: process each (service_id, id) once.",
  }),
  event_id: string({
    minLength: 1,
    description: "As sent; for a CloudEvent, `<source> <id>`; else the UUID that Weir created.",
  }),
  event_type: string({ minLength: 1 }),
  occurred_at: instant("When it happened, by its sender."),
  received_at: instant("When Weir accepted it."),
  user_key: nullable(
    string({ minLength: 1, description: "user_id, else `anonymous:` and the anonymous_id." }),
  ),
  product_key: nullable(string({ minLength: 1 })),
  amount: nullable(
    string({
      pattern: "^-?[0-9]+(?:\\.[0-9]+)?$",
      description: "The revenue, an exact decimal as text.",
    }),
  ),
  currency: nullable(string({ pattern: "^[A-Z]{3}$" })),
  items: nullable(
    array(eventMessageItemSchema, { description: "The lines of an event with several products." }),
  ),
  xid: string({
    pattern: "^[0-9]+$",
    description: "The transaction that stored it: its place in the raw log.",
  }),
  incarnation: string({
    minLength: 1,
    description: "The incarnation of PostgreSQL in which `xid` has a meaning.",
  }),
};

const factsExample = {
  version: 1,
  service: "shop",
  service_id: 3,
  format: "native",
  id: "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
  event_id: "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
  event_type: "purchase",
  occurred_at: "2024-01-15T10:30:00.000000Z",
  received_at: "2024-01-15T10:30:00.412345Z",
  user_key: "user123",
  product_key: "lamp-1",
  amount: "1299.99",
  currency: "TRY",
  items: null,
  xid: "12345",
  incarnation: "6f1d2c3b4a596877",
};

/** The members of an `events` message except `event`. Open: readers ignore members they do not know. */
export const eventFactsSchema = object(facts, { additionalProperties: true });
export type EventFacts = Infer<typeof eventFactsSchema>;

/** The value of an `events` message. `event` is last, and byte for byte what was sent. */
export const eventMessageSchema = object(
  {
    ...facts,
    event: record(unknown(), { description: "The event as sent; `format` says how to read it." }),
  },
  {
    $id: "EventMessage",
    additionalProperties: true,
    examples: [
      {
        ...factsExample,
        event: {
          event_id: "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
          event_type: "purchase",
          timestamp: "2024-01-15T10:30:00Z",
          user_id: "user123",
          product: { id: "lamp-1", name: "Desk lamp", price: 1299.99, currency: "TRY" },
        },
      },
    ],
  },
);
export type EventMessage = Infer<typeof eventMessageSchema>;

/** The version of `eventMessageSchema` that this package describes. */
export const eventMessageVersion = 1;
/** `content-type` of an `events` message. */
export const eventMessageType = `application/vnd.weir.event+json; version=${eventMessageVersion}`;

/** Headers of an `events` message: a consumer can route by them without parsing the value. */
export const eventHeaders = {
  contentType: "content-type",
  service: "weir-service",
  eventType: "weir-event-type",
  eventId: "weir-event-id",
  /** Of the request that sent the event, where known (W3C Trace Context). */
  traceparent: "traceparent",
} as const;

const traceparent = string({
  pattern: "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
  description: "W3C Trace Context.",
});

export const eventHeadersSchema = object(
  {
    [eventHeaders.contentType]: string({ const: eventMessageType }),
    [eventHeaders.service]: string({ minLength: 1 }),
    [eventHeaders.eventType]: string({ minLength: 1 }),
    [eventHeaders.eventId]: string({ minLength: 1, description: "`event_id` of the value." }),
    [eventHeaders.traceparent]: optional(traceparent),
  },
  { $id: "EventMessageHeaders", additionalProperties: true },
);

/**
 * Headers of a `raw_data` message. Without a content type the value is read as a native event; with
 * `ce_specversion` the message is a CloudEvent in binary mode, whose attributes are headers and whose
 * value is the data (CloudEvents Kafka Protocol Binding 1.0.2, 3.2).
 */
export const rawDataHeaders = {
  /** An API key: names the sender where the broker's principal does not. Removed before the message is kept. */
  key: "weir-key",
  contentType: "content-type",
  traceparent: "traceparent",
  /**
   * Identifies an event that has no id of its own. Weir adds it to copies in `raw_data.dlq`, so that an event that is
   * sent again from there, also more than once, is one event.
   */
  identity: "weir-message-id",
  /** Before the name of each attribute of a CloudEvent in binary mode. */
  cloudEventPrefix: "ce_",
} as const;

/** Any text that a producer chooses; Weir's own is `<topic id>/<partition>/<offset>`. */
export const messageIdPattern = "^[A-Za-z0-9._/-]{1,200}$";
const messageId = string({
  pattern: messageIdPattern,
  description: "Identifies an event that has no id of its own.",
});

/** Content type of a CloudEvent in structured mode. */
export const cloudEventType = "application/cloudevents+json";

export const rawDataHeadersSchema = object(
  {
    [rawDataHeaders.key]: optional(string({ minLength: 1, description: "An API key." })),
    [rawDataHeaders.contentType]: optional(
      string({
        description: `\`application/json\` (the default): a native event. \`${cloudEventType}\`: a CloudEvent in structured mode. In binary mode: the type of the data.`,
      }),
    ),
    [rawDataHeaders.traceparent]: optional(traceparent),
    [rawDataHeaders.identity]: optional(messageId),
  },
  { $id: "RawDataHeaders", additionalProperties: true },
);

export const cloudEventHeadersSchema = object(
  {
    ce_specversion: oneOf(["1.0"]),
    ce_id: string({ minLength: 1 }),
    ce_source: string({ minLength: 1 }),
    ce_type: string({ minLength: 1 }),
    ce_time: optional(string({ format: "date-time" })),
    ce_subject: optional(string()),
    ce_dataschema: optional(string()),
    [rawDataHeaders.key]: optional(string({ minLength: 1, description: "An API key." })),
    [rawDataHeaders.contentType]: optional(string({ description: "Of the data." })),
    [rawDataHeaders.traceparent]: optional(traceparent),
    [rawDataHeaders.identity]: optional(messageId),
  },
  { $id: "CloudEventHeaders", additionalProperties: true },
);

/** Headers that are added to a message that could not be processed. Its own headers stay, but for `weir-key`. */
export const dlqHeaders = {
  reason: "weir-dlq-reason",
  code: "weir-dlq-code",
  detail: "weir-dlq-detail",
  topic: "weir-dlq-topic",
  partition: "weir-dlq-partition",
  offset: "weir-dlq-offset",
  time: "weir-dlq-time",
} as const;

export const dlqHeadersSchema = object(
  {
    [dlqHeaders.reason]: string({
      minLength: 1,
      maxLength: 100,
      description: "A word to group by; the reason of the dead letter.",
    }),
    [dlqHeaders.code]: optional(
      string({ enum: errorCodes, description: "The error code, where one fits." }),
    ),
    [dlqHeaders.detail]: string({
      pattern: textPattern,
      description: "What is wrong and how to fix it.",
    }),
    [dlqHeaders.topic]: string({ minLength: 1, description: "Where the message was read." }),
    [dlqHeaders.partition]: string({ pattern: "^[0-9]+$" }),
    [dlqHeaders.offset]: string({ pattern: "^[0-9]+$" }),
    [dlqHeaders.time]: string({ format: "date-time", description: "When it was refused." }),
  },
  {
    $id: "DlqHeaders",
    additionalProperties: true,
    examples: [
      {
        [dlqHeaders.reason]: "invalid_event",
        [dlqHeaders.code]: "invalid_event",
        [dlqHeaders.detail]: "/event_type is missing. Add it.",
        [dlqHeaders.topic]: topics.rawData,
        [dlqHeaders.partition]: "2",
        [dlqHeaders.offset]: "1034",
        [dlqHeaders.time]: "2024-01-15T10:30:01.000Z",
      },
    ],
  },
);
export type DlqHeaders = Infer<typeof dlqHeadersSchema>;

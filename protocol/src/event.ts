/**
 * The native event, and what Weir answers about each one sent.
 *
 * Glossary. event: one thing that happened. service: a registered sender. source: the name of the
 * service that sent an event, set by the server. verdict: what happened to one sent event. raw
 * event: an accepted event as stored. window: `[start, start + size)` in UTC event time.
 */
import {
  array,
  type Infer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  unknown,
} from "./schema.ts";

export const limits = {
  eventBytes: 64 * 1024,
  eventDepth: 64,
  eventProperties: 1_000,
  eventTypeLength: 128,
  eventIdLength: 128,
  /** user_id, anonymous_id, session_id, product.id: characters. */
  keyLength: 256,
  batchEvents: 2_000,
  batchBytes: 10 * 1024 * 1024,
  /** How far in the future a timestamp may lie, in milliseconds. */
  futureMs: 24 * 60 * 60 * 1000,
} as const;

const key = (description: string) =>
  nullable(string({ minLength: 1, maxLength: limits.keyLength, description }));

export const productSchema = object({
  id: string({ minLength: 1, maxLength: limits.keyLength }),
  name: optional(nullable(string())),
  description: optional(nullable(string())),
  category: optional(nullable(string())),
  price: optional(nullable(number({ minimum: 0 }))),
  currency: optional(
    nullable(string({ pattern: "^[A-Z]{3}$", description: "ISO 4217 code, e.g. TRY." })),
  ),
  quantity: optional(nullable(number({ minimum: 0 }))),
});
export type Product = Infer<typeof productSchema>;

export const eventSchema = object(
  {
    event_id: optional(
      nullable(
        string({
          minLength: 1,
          maxLength: limits.eventIdLength,
          description: "Identity within the sending service; absent: the server makes a UUIDv7.",
        }),
      ),
    ),
    event_type: string({
      minLength: 1,
      maxLength: limits.eventTypeLength,

      pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
      examples: ["product.view"],
    }),
    timestamp: optional(
      nullable(
        string({
          format: "date-time",
          description: "RFC 3339 with offset; absent: time of receipt.",
        }),
      ),
    ),
    user_id: optional(key("Who, when known.")),
    anonymous_id: optional(key("Which device or browser, when the user is not known.")),
    session_id: optional(key("The sender's own session, kept as sent.")),
    product: optional(nullable(productSchema)),
    properties: optional(nullable(record(unknown()))),
  },
  { $id: "Event" },
);
export type WeirEvent = Infer<typeof eventSchema>;

export const verdicts = ["accepted", "duplicate", "conflict", "rejected", "retry"] as const;
export type Verdict = (typeof verdicts)[number];

/** The answer about one event, in the order sent. */
export const resultSchema = object(
  {
    event_id: nullable(string({ description: "null when the event had none and was not taken." })),
    verdict: oneOf(verdicts),
    code: optional(string()),
    detail: optional(string()),
  },
  { $id: "EventResult" },
);
export type EventResult = Infer<typeof resultSchema>;

export const batchAnswerSchema = object({ results: array(resultSchema) }, { $id: "BatchAnswer" });
export type BatchAnswer = Infer<typeof batchAnswerSchema>;

/** What an event type means for the analytics; the mapping is configuration. */
export const actions = ["view", "cart", "purchase", "refund", "search", "other"] as const;
export type Action = (typeof actions)[number];

/** The native event, its limits, and the answer for each event sent. */
import { eventInstantPattern, linePattern } from "./patterns.ts";
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
  /** Characters of user_id, anonymous_id, session_id and product.id. */
  keyLength: 256,
  batchEvents: 2_000,
  batchBytes: 10 * 1024 * 1024,
  /** How far in the future a timestamp may be, in milliseconds. */
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
          description:
            "Unique per sending service, for idempotent retries. If absent, the server creates a UUIDv7.",
        }),
      ),
    ),
    event_type: string({
      minLength: 1,
      maxLength: limits.eventTypeLength,
      pattern: linePattern,
      examples: ["product.view"],
    }),
    timestamp: optional(
      nullable(
        string({
          format: "date-time",
          "x-pattern": eventInstantPattern,
          description: "When it happened, RFC 3339 with offset. If absent, the time of receipt.",
        }),
      ),
    ),
    user_id: optional(key("The user, when known.")),
    anonymous_id: optional(key("The device or browser, while the user is unknown.")),
    session_id: optional(key("The sender's own session id, stored as sent.")),
    product: optional(nullable(productSchema)),
    properties: optional(
      nullable(record(unknown(), { description: "Your own data: any JSON object." })),
    ),
  },
  {
    $id: "Event",
    examples: [
      {
        event_type: "purchase",
        user_id: "user123",
        product: { id: "lamp-1", name: "Desk lamp", price: 1299.99, currency: "TRY", quantity: 1 },
        properties: { coupon: "WELCOME" },
      },
    ],
  },
);
export type WeirEvent = Infer<typeof eventSchema>;

export const verdicts = ["accepted", "duplicate", "conflict", "rejected", "retry"] as const;
export type Verdict = (typeof verdicts)[number];

/** The body of a batch. */
export const eventBatchSchema = array(eventSchema, {
  minItems: 1,
  maxItems: limits.batchEvents,
  examples: [[{ event_type: "product.view", user_id: "user123", product: { id: "lamp-1" } }]],
});

/** The answer for one event. */
export const resultSchema = object(
  {
    event_id: nullable(
      string({ description: "null when the event had no id and was not accepted." }),
    ),
    verdict: oneOf(verdicts),
    code: optional(string({ description: "An error code, unless accepted or duplicate." })),
    detail: optional(string({ description: "What is wrong and how to fix it." })),
  },
  { $id: "EventResult" },
);
export type EventResult = Infer<typeof resultSchema>;

export const batchAnswerSchema = object(
  { results: array(resultSchema, { description: "One per event, in the order sent." }) },
  { $id: "BatchAnswer" },
);
export type BatchAnswer = Infer<typeof batchAnswerSchema>;

/** What an event type means for analytics; the mapping is configurable. */
export const actions = ["view", "cart", "purchase", "refund", "search", "other"] as const;
export type Action = (typeof actions)[number];

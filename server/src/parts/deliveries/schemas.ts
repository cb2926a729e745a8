/** Bodies of the routes; the command line prints the same. */
import { type Infer, schema as s } from "@weir/protocol";
import { orderKeys, subscriptionStates } from "./subscription.ts";

const instant = s.string({ format: "date-time" });
const urlText = s.string({
  minLength: 1,
  maxLength: 2_048,
  examples: ["https://example.org/hook"],
});
const nameText = s.string({
  pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
  maxLength: 64,
  examples: ["order-mails"],
});
const eventTypes = s.array(
  s.string({ minLength: 1, maxLength: 128, pattern: "^[^\\u0000-\\u001f\\u007f]+$" }),
  {
    maxItems: 100,
    description: "Exact event types, or the start of one followed by `*`; empty: all.",
    examples: [["order.*", "purchase"]],
  },
);
const sources = s.array(s.string({ minLength: 1, maxLength: 128 }), {
  maxItems: 100,
  description: "Names of the services that sent the events; empty: all.",
});
const filter = s.nullable(
  s.unknown({
    description: "A filter expression (see the guide on webhooks); null: none.",
    examples: [{ path: "event.properties.total", op: "gte", value: 100 }],
  }),
);
const projection = s.nullable(
  s.array(s.string({ minLength: 2, maxLength: 256 }), {
    minItems: 1,
    maxItems: 50,
    description: "JSON Pointers of the members that `data` holds; null: the whole event as sent.",
    examples: [["/user_id", "/properties/order_id"]],
  }),
);
const orderBy = s.nullable(
  s.oneOf(orderKeys, {
    description:
      "Events of one user, product or order are delivered one after the other, in the order of the log; null: concurrently.",
  }),
);
const concurrency = s.integer({
  minimum: 1,
  maximum: 64,
  description: "Deliveries at once.",
});

export const newSubscriptionSchema = s.object(
  {
    name: nameText,
    url: urlText,
    event_types: s.optional(eventTypes),
    sources: s.optional(sources),
    filter: s.optional(filter),
    projection: s.optional(projection),
    order_by: s.optional(orderBy),
    concurrency: s.optional(concurrency),
    from: s.optional(
      s.string({ maxLength: 64, description: "Also events received at or after this instant." }),
    ),
  },
  {
    $id: "NewSubscription",
    examples: [
      {
        name: "order-mails",
        url: "https://example.org/hook",
        event_types: ["order.*"],
        order_by: "order",
      },
    ],
  },
);
export type NewSubscription = Infer<typeof newSubscriptionSchema>;

export const subscriptionChangeSchema = s.object(
  {
    name: s.optional(nameText),
    url: s.optional(urlText),
    event_types: s.optional(eventTypes),
    sources: s.optional(sources),
    filter: s.optional(filter),
    projection: s.optional(projection),
    order_by: s.optional(orderBy),
    concurrency: s.optional(concurrency),
  },
  { $id: "SubscriptionChange", examples: [{ event_types: ["order.*", "refund"] }] },
);
export type SubscriptionChange = Infer<typeof subscriptionChangeSchema>;

const subscriptionMembers = {
  id: s.string(),
  name: s.string(),
  url: s.string(),
  event_types: s.array(s.string()),
  sources: s.array(s.string()),
  filter: s.unknown(),
  projection: s.nullable(s.array(s.string())),
  order_by: s.nullable(s.oneOf(orderKeys)),
  concurrency: s.integer(),
  state: s.oneOf(subscriptionStates),
  state_reason: s.nullable(s.string({ description: "Why it is paused or disabled." })),
  state_since: instant,
  failing_since: s.nullable(
    s.string({ format: "date-time", description: "Since then no attempt has succeeded." }),
  ),
  is_behind: s.boolean({
    description: "It catches up with events since a pause, or since its queue was full.",
  }),
  created_by: s.string(),
  created_at: instant,
  updated_at: instant,
} as const;

export const subscriptionSchema = s.object(subscriptionMembers, { $id: "Subscription" });
export type SubscriptionView = Infer<typeof subscriptionSchema>;

export const wholeSubscriptionSchema = s.object(
  {
    ...subscriptionMembers,
    secrets: s.array(
      s.object({ hint: s.string(), created_at: instant, expires_at: s.nullable(instant) }),
      { description: "Secrets that sign now, newest first; shown whole only once." },
    ),
    pending: s.integer({ description: "Deliveries that wait, retries included." }),
    delivered: s.integer({ description: "Of the deliveries that the log still has." }),
    dead: s.integer({ description: "Of the deliveries that the log still has." }),
    replays: s.array(
      s.object({
        id: s.string(),
        from: instant,
        to: s.nullable(instant),
        state: s.oneOf(["running", "done"]),
        deliveries: s.integer(),
      }),
    ),
  },
  { $id: "WholeSubscription" },
);
export type WholeSubscription = Infer<typeof wholeSubscriptionSchema>;

export const createdSchema = s.object(
  {
    subscription: wholeSubscriptionSchema,
    secret: s.string({
      description: "Verifies signatures; not shown again.",
      examples: ["whsec_…"],
    }),
  },
  { $id: "CreatedSubscription" },
);

export const secretSchema = s.object(
  {
    secret: s.string({ description: "The new secret; not shown again.", examples: ["whsec_…"] }),
    overlap_hours: s.number({ description: "The previous one signs too for that time." }),
  },
  { $id: "RotatedSecret" },
);

export const replaySchema = s.object(
  {
    id: s.string(),
    from: instant,
    to: s.nullable(instant),
    state: s.string(),
    deliveries: s.integer(),
  },
  { $id: "DeliveryReplay" },
);
export type Replay = Infer<typeof replaySchema>;

export const deliveryStates = ["pending", "delivered", "dead"] as const;

const attemptSchema = s.object(
  {
    number: s.integer(),
    at: instant,
    latency_ms: s.number(),
    status: s.nullable(s.integer({ description: "Of the answer; null when there was none." })),
    error: s.nullable(s.string()),
    answer: s.nullable(s.string({ description: "The start of the answer's body." })),
  },
  { $id: "DeliveryAttempt" },
);

export const deliverySchema = s.object(
  {
    id: s.string(),
    webhook_id: s.string({ description: "The header `webhook-id`, the same at each attempt." }),
    event_type: s.string(),
    source: s.string(),
    state: s.oneOf(deliveryStates),
    created_at: instant,
    due_at: s.nullable(instant),
    finished_at: s.nullable(instant),
    last_error: s.nullable(s.string()),
    replay_id: s.nullable(s.string()),
    request: s.object({
      url: s.string(),
      headers: s.record(s.string()),
      body: s.string({ description: "The start of the body." }),
      bytes: s.integer(),
    }),
    attempts: s.array(attemptSchema),
  },
  { $id: "Delivery" },
);
export type DeliveryView = Infer<typeof deliverySchema>;

export const testedSchema = s.object(
  {
    delivered: s.boolean(),
    webhook_id: s.string(),
    latency_ms: s.number(),
    status: s.nullable(s.integer()),
    error: s.nullable(s.string()),
    answer: s.nullable(s.string()),
  },
  { $id: "TestedSubscription" },
);

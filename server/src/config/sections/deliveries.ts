import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

/** Deliveries of accepted events to subscribers. */
export const deliveriesSection = s.object({
  allow_private: s.array(s.string({ minLength: 1, maxLength: 253 }), {
    default: [],
    maxItems: 200,
    description:
      "Receivers in private networks that are allowed: addresses, ranges such as 10.0.0.0/8, or host names. They may use http:// and any port; every other receiver needs https:// and a public address.",
    ...hot,
  }),
  concurrency: s.integer({
    default: 256,
    minimum: 1,
    maximum: 4_096,
    description: "Deliveries on their way at once, to all receivers together.",
    ...hot,
  }),
  connect_timeout_ms: s.integer({
    default: 5_000,
    minimum: 100,
    maximum: 60_000,
    description:
      "Time limit for the look-up of the name, the connection and TLS. That of a whole attempt is resilience.guards.delivery.timeout_ms.",
    ...hot,
  }),
  retry: s.object({
    strategy: s.oneOf(["FIXED", "LINEAR", "EXPONENTIAL", "EXPONENTIAL_JITTER"], {
      default: "EXPONENTIAL_JITTER",
      description: "How the delay between attempts grows.",
      ...hot,
    }),
    base_ms: s.integer({
      default: 5_000,
      minimum: 10,
      maximum: 3_600_000,
      description: "Delay before the second attempt.",
      ...hot,
    }),
    max_ms: s.integer({
      default: 3_600_000,
      minimum: 10,
      maximum: 86_400_000,
      description: "Maximum delay between two attempts.",
      ...hot,
    }),
    give_up_after_hours: s.integer({
      default: 120,
      minimum: 1,
      maximum: 720,
      description: "Age above which a delivery that fails again is dead: it is not tried again.",
      ...hot,
    }),
  }),
  pause_after_hours: s.integer({
    default: 72,
    minimum: 1,
    maximum: 720,
    description:
      "A subscription that has failed for as long, without one success, is paused. The raw log keeps its events.",
    ...hot,
  }),
  disable_after_days: s.integer({
    default: 14,
    minimum: 1,
    maximum: 365,
    description:
      "A subscription that is paused for as long is disabled: the raw log no longer keeps events for it, and what was pending is dead.",
    ...hot,
  }),
  queue_deliveries: s.integer({
    default: 10_000,
    minimum: 10,
    maximum: 1_000_000,
    description:
      "Pending deliveries of one subscription. Above it the subscription reads the raw log later, by itself, and delays no other one.",
    ...hot,
  }),
  buffer_mib: s.integer({
    default: 16,
    minimum: 1,
    maximum: 1_024,
    description: "Memory for bodies that are read ahead, of all subscriptions together.",
    ...hot,
  }),
  page_events: s.integer({
    default: 500,
    minimum: 10,
    maximum: 10_000,
    description: "Events that become deliveries in one transaction, at most about this many.",
  }),
  interval_ms: s.integer({
    default: 20,
    minimum: 1,
    maximum: 10_000,
    description: "Minimum time between two of these transactions while few events arrive.",
    ...hot,
  }),
  log_hours: s.integer({
    default: 72,
    minimum: 1,
    maximum: 8_760,
    description: "Hours for which deliveries that have ended stay in the delivery log.",
    ...hot,
  }),
  log_deliveries: s.integer({
    default: 500_000,
    minimum: 1_000,
    maximum: 100_000_000,
    description: "Deliveries that have ended in the delivery log; above it the oldest are deleted.",
    ...hot,
  }),
  max_subscriptions: s.integer({
    default: 200,
    minimum: 1,
    maximum: 10_000,
    description: "Maximum number of subscriptions.",
    ...hot,
  }),
});
